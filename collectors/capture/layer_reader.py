"""What every layer of the dissector shares: the bytes, how they are read, and the layers that each
hands on to."""

from __future__ import annotations

import struct
from collections.abc import Callable

from collectors.capture.layers import Frame, Ip

MAX_DEPTH = 6  # tunnels in tunnels


class Short(Exception):
    """The packet ends before what is being read."""


class Wrong(Exception):
    """A header says what cannot be."""


class LayerReader:
    """Reads into `frame`; `length` is what the packet measured on the wire."""

    def __init__(self, frame: Frame, data: bytes, length: int) -> None:
        self.frame = frame
        self.data = data
        self.length = length
        self.depth = 0
        self.transport_at = len(data)

    def take(self, form: str, offset: int) -> tuple[int, ...]:
        try:
            return struct.unpack_from(form, self.data, offset)
        except struct.error:
            raise Short from None

    def bytes(self, offset: int, size: int) -> bytes:
        value = self.data[offset : offset + size]
        if len(value) < size:
            raise Short
        return value

    def tunnel(self, name: str, inside: Callable[[], None]) -> None:
        if self.depth >= MAX_DEPTH:
            raise Wrong("too many tunnels in one another")
        self.depth += 1
        self.frame.tunnels.append(name)
        inside()

    # --- implemented by the layers

    def ethernet(self, offset: int) -> None:
        raise NotImplementedError

    def ethertype(self, kind: int, offset: int) -> None:
        raise NotImplementedError

    def raw(self, offset: int) -> None:
        raise NotImplementedError

    def ipv4(self, offset: int) -> None:
        raise NotImplementedError

    def ipv6(self, offset: int) -> None:
        raise NotImplementedError

    def transport(self, ip: Ip, offset: int, left: int) -> None:
        raise NotImplementedError
