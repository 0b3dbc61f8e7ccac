"""Where a session is that members of a Unix group may join: a socket (0660) in a directory (0750),
both of its user and that group. A user's own directories are closed to the group: it is in one that
all users have.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import socket
import stat
import struct
from collections.abc import Iterator
from pathlib import Path

from collectors.errors import ConfigError
from collectors.sanitize import sanitize

COMMON = Path("/tmp")  # sticky: nobody removes or renames what another user made
NAME = "podwire-shared-{uid}-{gid}"
SO_PEERGROUPS = 59  # asm-generic/socket.h, Linux 4.13
MOST_GROUPS = 256  # getsockopt of Python reads at most 1,024 bytes


def group_id(name: str) -> int:
    """ConfigError where there is no such group."""
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise ConfigError(f"There is no group {sanitize(name, 80)} on this machine.") from None


def own_directory(group: str) -> Path:
    """It is there, of this user and that group, and closed to all others. ConfigError where that
    cannot be."""
    gid = group_id(group)
    path = COMMON / NAME.format(uid=os.getuid(), gid=gid)
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    try:
        opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise ConfigError(f"{path} cannot hold a socket: {error.strerror}.") from None
    try:
        if os.fstat(opened).st_uid != os.getuid():
            raise ConfigError(f"{path} belongs to somebody else: nothing is shared there.")
        os.fchown(opened, -1, gid)
        os.fchmod(opened, 0o750)
    except PermissionError:
        with contextlib.suppress(OSError):
            path.rmdir()
        raise ConfigError(
            f"You are not a member of the group {group}: only a member shares with it."
        ) from None
    finally:
        os.close(opened)
    return path


def open_to(path: Path, group: str) -> None:
    """A socket, to members of the group."""
    os.chown(path, -1, group_id(group))
    path.chmod(0o660)


def directories() -> list[Path]:
    """Those of this user, and those of others that share with a group that this user is in."""
    return [path for path, found in _closed() if found.st_uid == os.getuid() or _is_mine(found)]


def closed_to_me() -> list[str]:
    """`alice with the group sre`, of each directory of a group that this process is not in; whether
    anybody still listens there is not known."""
    found = (found for _, found in _closed() if found.st_uid != os.getuid() and not _is_mine(found))
    return sorted(f"{_user(one.st_uid)} with the group {_group(one.st_gid)}" for one in found)


def _closed() -> Iterator[tuple[Path, os.stat_result]]:
    """Directories whose name says whose and of which group they are; nobody else can have put a
    socket there."""
    for path in COMMON.glob(NAME.format(uid="*", gid="*")):
        try:
            found = path.lstat()
        except OSError:
            continue
        named = path.name == NAME.format(uid=found.st_uid, gid=found.st_gid)
        if named and stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o027:
            yield path, found


def _is_mine(found: os.stat_result) -> bool:
    return found.st_gid in {os.getegid(), *os.getgroups()}


def _user(uid: int) -> str:
    try:
        return sanitize(pwd.getpwuid(uid).pw_name, 64)
    except KeyError:
        return f"user {uid}"


def _group(gid: int) -> str:
    try:
        return sanitize(grp.getgrgid(gid).gr_name, 64)
    except KeyError:
        return str(gid)


def owner_of(path: Path) -> str:
    """The login name of another user whose socket it is; '' where it is one's own."""
    try:
        uid = path.lstat().st_uid
    except OSError:
        return ""
    return "" if uid == os.getuid() else _user(uid)


def groups_of(connection: socket.socket) -> frozenset[int]:
    """Supplementary groups of the process at the other end, as the kernel knows them; none where it
    is in more than MOST_GROUPS."""
    size = struct.calcsize("I")
    try:
        data = connection.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, MOST_GROUPS * size)
    except OSError:
        return frozenset()
    return frozenset(struct.unpack(f"{len(data) // size}I", data))
