"""The local ends of this process's own TCP connections: what is podwire's own in a capture that
sees the machine or the pod that the console runs in."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

KEPT_S = 60.0  # a capture shows a connection for a while after it has closed
End = tuple[str, int]  # address, port
_FAMILIES = (socket.AF_INET, socket.AF_INET6)


def local_ends() -> frozenset[End]:
    """Of the connections that are open now; asks the kernel for each of the process's sockets."""
    found: set[End] = set()
    for descriptor in _sockets():
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as own:
            if own.family in _FAMILIES and own.type == socket.SOCK_STREAM and own.getpeername():
                address, port, *_ = own.getsockname()
                found.add((str(address).removeprefix("::ffff:"), int(port)))
    return frozenset(found)


def _sockets() -> Iterator[int]:
    with contextlib.suppress(OSError):
        for path in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):
                if stat.S_ISSOCK(os.fstat(int(path.name)).st_mode):
                    yield int(path.name)


class RecentEnds:
    """Those of the last minute, by the clock that is given."""

    def __init__(self) -> None:
        self._seen: dict[End, float] = {}

    def add(self, ends: frozenset[End], at: float) -> frozenset[End]:
        """What was seen until now, without what is gone for KEPT_S."""
        self._seen |= dict.fromkeys(ends, at)
        self._seen = {end: seen for end, seen in self._seen.items() if at - seen <= KEPT_S}
        return frozenset(self._seen)
