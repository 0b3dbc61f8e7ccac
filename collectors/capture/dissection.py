"""What the layers of a packet share while it is dissected: its bytes, what was found so far, and
how a layer names the one that follows.

Every layer is a function of (dissection, offset, left): `left` is how many bytes follow on the
wire, which may be more than were captured. It returns the next layer, its offset and what is
left there; None where nothing more is to be read.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct, error as StructError
from typing import Any

from collectors.capture.layers import Frame

MAX_TUNNELS = 6  # in one another

Next = tuple[str, int, int] | None
Layer = Callable[["Dissection", int, int], Next]


class Short(Exception):
    """The packet ends before what is being read."""


class Wrong(Exception):
    """A header has a value that it cannot have."""


class Dissection:
    __slots__ = ("data", "frame", "max_tunnels")

    def __init__(self, frame: Frame, data: bytes, max_tunnels: int = MAX_TUNNELS) -> None:
        self.frame = frame
        self.data = data
        self.max_tunnels = max_tunnels

    def unpack(self, form: Struct, offset: int) -> tuple[Any, ...]:
        try:
            return form.unpack_from(self.data, offset)
        except StructError:
            raise Short from None

    def octet(self, offset: int) -> int:
        if offset >= len(self.data):
            raise Short
        return self.data[offset]

    def octets(self, offset: int, size: int) -> bytes:
        value = self.data[offset : offset + size]
        if len(value) < size:
            raise Short
        return value

    def number(self, offset: int, size: int) -> int:
        return int.from_bytes(self.octets(offset, size), "big")

    def enter_tunnel(self, name: str) -> None:
        """What follows is carried by what was read so far."""
        tunnels = self.frame.tunnels
        if len(tunnels) >= self.max_tunnels:
            raise Wrong("too many tunnels in one another")
        tunnels.append(name)
