"""The few system calls the lab needs that Python 3.11 does not wrap."""

from __future__ import annotations

import ctypes
import os

CLONE_NEWNS = 0x0002_0000
CLONE_NEWUTS = 0x0400_0000
CLONE_NEWNET = 0x4000_0000
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 1 << 18
MNT_DETACH = 2
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def unshare(flags: int) -> None:
    _check(_libc.unshare(flags), "unshare")


def mount(
    source: str, target: str, kind: str | None, flags: int = 0, data: str | None = None
) -> None:
    """mount(2) itself: mount(8) refuses a user other than root even with CAP_SYS_ADMIN."""
    _check(
        _libc.mount(
            source.encode(),
            target.encode(),
            kind.encode() if kind else None,
            ctypes.c_ulong(flags),
            data.encode() if data else None,
        ),
        f"mount {source} on {target}",
    )


def unmount(path: str) -> None:
    """Detach a mount, also where files on it are still open."""
    _check(_libc.umount2(path.encode(), MNT_DETACH), f"unmount {path}")


def die_with_parent(signal_number: int) -> None:
    """Ask the kernel to send this process a signal when the thread that made it ends."""
    _check(_libc.prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0), "prctl")


def setns(fd: int, kind: int) -> None:
    """Move the calling thread into a namespace."""
    _check(_libc.setns(fd, kind), "setns")
