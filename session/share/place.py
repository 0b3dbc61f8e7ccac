"""Where shared sessions are: a socket (0600) each, in a directory (0700) of its user's, or where a
group may join (session/share/group_place.py).

A socket whose console was killed refuses connections: nobody listens. It is removed by whoever
finds it. One that is listed listens already: it gets its name only when it does.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import struct
from pathlib import Path

from collectors.errors import ConfigError
from collectors.frozen import frozen
from collectors.sanitize import sanitize
from session.files import private_directory, state_directory
from session.share import group_place

SUFFIX = ".sock"
LONGEST_PATH = 107  # bytes: unix(7), sun_path
BACKLOG = 16  # connections that wait to be accepted
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid: unix(7), SO_PEERCRED


@frozen
class PeerProcess:
    """The process at the other end of a connection."""

    pid: int
    uid: int
    groups: frozenset[int] = frozenset()


def share_directory() -> Path:
    """It is there, and nobody else can enter it. ConfigError where that cannot be."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    base = Path(runtime) / "podwire" if runtime else state_directory()
    try:
        directory = private_directory(base / "shared")
        _require_private(directory)
    except OSError as error:
        shown = sanitize(base, 200)
        raise ConfigError(f"{shown} cannot hold a socket: {error.strerror or error}.") from None
    return directory


def _require_private(directory: Path) -> None:
    found = directory.lstat()
    is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    if not is_ours or found.st_mode & 0o077:
        raise ConfigError(
            f"{sanitize(directory, 200)} is not a directory that only you can enter (0700):"
            " a session that is shared there would be open to others."
        )


def new_socket(name: str, group: str = "") -> tuple[socket.socket, Path]:
    """A socket that listens, and its path; members of the group may connect as well. ConfigError
    where that cannot be."""
    if not hasattr(socket, "SO_PEERCRED"):
        raise ConfigError("Sharing needs Linux: only there the other end of a socket is known.")
    directory = group_place.own_directory(group) if group else share_directory()
    shared_sessions()  # removes those of consoles that were killed
    path, unnamed = directory / f"{name}{SUFFIX}", directory / f".{name}"
    if len(os.fsencode(path)) > LONGEST_PATH:
        shown = sanitize(path, 200)
        raise ConfigError(
            f"{shown} is too long for a socket's path: name a shorter directory by XDG_RUNTIME_DIR."
        )
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _listen(listening, unnamed, group)
        unnamed.rename(path)
    except OSError as error:
        listening.close()
        unnamed.unlink(missing_ok=True)
        shown = sanitize(path, 200)
        raise ConfigError(f"{shown} cannot be made: {error.strerror or error}.") from None
    return listening, path


def _listen(listening: socket.socket, path: Path, group: str) -> None:
    path.unlink(missing_ok=True)
    listening.bind(str(path))
    path.chmod(0o600)
    if group:
        group_place.open_to(path, group)
    listening.listen(BACKLOG)
    listening.setblocking(False)


def peer(connection: socket.socket) -> PeerProcess:
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, gid = _CREDENTIALS.unpack(data)
    return PeerProcess(pid, uid, group_place.groups_of(connection) | {gid})


def remove_socket(path: Path) -> None:
    """And the directory that was made for a group, where nothing else is in it."""
    with contextlib.suppress(OSError):
        path.unlink()
    if path.parent in group_place.directories():
        with contextlib.suppress(OSError):
            path.parent.rmdir()


def shared_sessions() -> list[Path]:
    """The sockets at which somebody listens, one's own and those that a group of one's may join."""
    places = [share_directory(), *group_place.directories()]
    found = sorted(path for place in places for path in place.glob(f"*{SUFFIX}"))
    return [path for path in found if _is_live(path)]


def _is_live(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trying:
        trying.setblocking(False)
        try:
            trying.connect(str(path))
        except ConnectionRefusedError:
            with contextlib.suppress(OSError):
                path.unlink()
            return False
        except BlockingIOError:  # too many connections wait there
            return True
        except OSError:
            return False
    return True


def _listed(path: Path) -> str:
    owner = group_place.owner_of(path)
    return sanitize(path.stem, 80) + (f" (of {owner})" if owner else "")


def _none_shared() -> str:
    """And who shares with groups that this process is not in."""
    if others := group_place.closed_to_me():
        return (
            f"No session is shared with you here: there is, or was, one of {', '.join(others)},"
            " which this process is not in. A member joins from a login that began after becoming"
            " one."
        )
    return "No session is shared here: S in a running console shares it."


def found_session(name: str = "") -> Path:
    """The socket of a session by its name or the beginning of it; without a name that of the only
    one. ConfigError where there is none, or more than one."""
    known = shared_sessions()
    if not known:
        raise ConfigError(_none_shared())
    exact = [path for path in known if path.stem == name]
    matching = exact or [path for path in known if path.stem.startswith(name)]
    if len(matching) == 1:
        return matching[0]
    listed = ", ".join(map(_listed, matching or known))
    if matching:
        raise ConfigError(f"Several sessions are shared: {listed}. Name one of them.")
    raise ConfigError(f"No session {sanitize(name, 80)} is shared. Shared are: {listed}.")
