"""pcapng (draft-ietf-opsawg-pcapng): sections of either byte order, interfaces, packets; all else
is passed over."""

from __future__ import annotations

import struct

from collectors.capture.pcap import MAX_FRAME, Damaged
from collectors.errors import CaptureError
from collectors.packet import Packet

SECTION, INTERFACE, OLD_PACKET, SIMPLE, ENHANCED = 0x0A0D0D0A, 1, 2, 3, 6
SECTION_BYTES = b"\x0a\x0d\x0d\x0a"
_ORDER = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}
MAX_BLOCK = 16 << 20
MAX_INTERFACES = 65_536  # of a section; the first blocks for packets have 16 bits for their number
TSRESOL, TSOFFSET = 9, 14
Chunk = tuple[int, list[Packet]]  # link type, packets in a row

LATEST_NS = (1 << 62) - 1  # in 2116: sums and differences fit into 64 bits


class _Interface:
    """What a packet needs of its interface: link type, snap length, and the unit and origin of its
    time."""

    def __init__(self, order: str, body: bytes) -> None:
        self.linktype, self.snaplen = struct.unpack_from(order + "HxxI", body)
        self.units = 10**6  # a second
        self.offset_ns = 0
        position = 8
        while position + 4 <= len(body):
            code, size = struct.unpack_from(order + "HH", body, position)
            value = body[position + 4 : position + 4 + size]
            if code == 0 or len(value) < size:
                break
            if code == TSRESOL and size == 1:
                self.units = 2 ** (value[0] & 0x7F) if value[0] & 0x80 else 10 ** min(value[0], 20)
            elif code == TSOFFSET and size == 8:
                self.offset_ns = struct.unpack(order + "q", value)[0] * 1_000_000_000
            position += 4 + (size + 3 & ~3)

    def ns(self, high: int, low: int) -> int:
        """Since the epoch; a damaged clock's is the first or last that is counted with."""
        ns = ((high << 32 | low) * 1_000_000_000) // self.units + self.offset_ns
        return min(max(ns, 0), LATEST_NS)


class PcapngReader:
    """Cuts a pcapng byte stream into packets, however it is split."""

    def __init__(self) -> None:
        self._rest = b""
        self._order = "<"
        self._interfaces: list[_Interface] = []
        self._begun = False

    @property
    def header_read(self) -> bool:
        return self._begun

    @property
    def waiting(self) -> int:
        return len(self._rest)

    def feed(self, data: bytes) -> list[Chunk]:
        """Packets, grouped by link type. Raises Damaged (with the packets before the damage) where
        the stream cannot be read on, CaptureError where it is not pcapng."""
        if self._rest:
            data = self._rest + data
        position, chunks = 0, []  # type: tuple[int, list[Chunk]]
        try:
            while len(data) - position >= 12:
                size = self._block_size(data, position)
                if len(data) - position < size:
                    break
                self._block(data, position, size, chunks)
                position += size
        except (struct.error, IndexError):
            raise self._damaged("a block is shorter than it must be", chunks) from None
        except _Bad as error:
            raise self._damaged(str(error), chunks) from None
        self._rest = data[position:]
        return chunks

    def _damaged(self, why: str, chunks: list[Chunk]) -> CaptureError:
        self._rest = b""
        return Damaged(f"The capture is damaged: {why}.", chunks)

    def _block_size(self, data: bytes, position: int) -> int:
        if data[position : position + 4] == SECTION_BYTES:
            order = _ORDER.get(data[position + 8 : position + 12])
            if order is None:
                raise _Bad("a section has no byte order")
            self._order, self._begun = order, True
        elif not self._begun:
            raise CaptureError("What came is not a capture (no pcapng section header).")
        (size,) = struct.unpack_from(self._order + "I", data, position + 4)
        if size < 12 or size > MAX_BLOCK or size % 4:
            raise _Bad(f"a block claims {size} bytes")
        return int(size)

    def _block(self, data: bytes, position: int, size: int, chunks: list[Chunk]) -> None:
        order = self._order
        kind, _ = struct.unpack_from(order + "II", data, position)
        if struct.unpack_from(order + "I", data, position + size - 4)[0] != size:
            raise _Bad("a block's two lengths differ")
        start, end = position + 8, position + size - 4
        if kind == ENHANCED:
            number, high, low, *sizes = struct.unpack_from(order + "5I", data, start)
            self._packet(number, (high, low), data[start + 20 : end], sizes, chunks)
        elif kind == INTERFACE:
            if len(self._interfaces) >= MAX_INTERFACES:
                raise _Bad(f"a section has more than {MAX_INTERFACES:,} interfaces")
            self._interfaces.append(_Interface(order, data[start:end]))
        elif kind == SECTION:
            self._interfaces = []
        elif kind == SIMPLE:
            (length,) = struct.unpack_from(order + "I", data, start)
            if not self._interfaces:
                raise _Bad("a packet comes before its interface")
            snaplen = self._interfaces[0].snaplen or MAX_FRAME
            sizes = [min(length, snaplen), length]
            self._packet(0, None, data[start + 4 : end], sizes, chunks)
        elif kind == OLD_PACKET:
            number, _, high, low, *sizes = struct.unpack_from(order + "HHIIII", data, start)
            self._packet(number, (high, low), data[start + 20 : end], sizes, chunks)

    def _packet(
        self,
        number: int,
        stamp: tuple[int, int] | None,
        body: bytes,
        sizes: list[int],
        chunks: list[Chunk],
    ) -> None:
        """`stamp` is the time in two words, `sizes` are captured and on the wire."""
        captured, length = sizes
        if number >= len(self._interfaces):
            raise _Bad("a packet comes before its interface")
        if captured > len(body) or captured > MAX_FRAME:
            raise _Bad(f"a packet claims {captured} bytes")
        interface = self._interfaces[number]
        packet = Packet(interface.ns(*stamp) if stamp else 0, body[:captured], length)
        if chunks and chunks[-1][0] == interface.linktype:
            chunks[-1][1].append(packet)
        else:
            chunks.append((interface.linktype, [packet]))


class _Bad(Exception):
    """Why the stream cannot be read any further."""
