"""Classic pcap (draft-ietf-opsawg-pcap): a reader of streams in any pieces, and a file writer."""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

from collectors.errors import CaptureError
from collectors.new_file import open_new
from collectors.packet import Packet

MAX_FRAME = 262_144  # tcpdump's own largest snap length
NANOSECOND = 0xA1B23C4D
VERSION, UTC = (2, 4), (0, 0)  # of the format; no offset of the clock, no accuracy
_LITTLE, _BIG = struct.Struct("<IIII"), struct.Struct(">IIII")
_FILE_HEADER = struct.Struct("<IHHiIII")
HEADER, RECORD = 24, 16  # bytes
LONG_RECORD = 24  # of Kuznetsov's patched libpcap: interface, protocol and packet type, padding
MAGIC = {  # byte order, nanoseconds of a fraction, bytes of a record's header
    b"\xd4\xc3\xb2\xa1": ("<", 1000, RECORD),
    b"\xa1\xb2\xc3\xd4": (">", 1000, RECORD),
    b"\x4d\x3c\xb2\xa1": ("<", 1, RECORD),
    b"\xa1\xb2\x3c\x4d": (">", 1, RECORD),
    b"\x34\xcd\xb2\xa1": ("<", 1000, LONG_RECORD),
    b"\xa1\xb2\xcd\x34": (">", 1000, LONG_RECORD),
}


class Damaged(CaptureError):
    """The stream cannot be read any further; `chunks` (link type, packets) came before the
    damage."""

    def __init__(self, message: str, chunks: list[tuple[int, list[Packet]]]) -> None:
        super().__init__(message)
        self.chunks = chunks


# Of records: big-endian or not, nanoseconds of a fraction, bytes of a header, the largest record
Layout = tuple[bool, int, int, int]


def _cut(data: bytes, position: int, layout: Layout, found: list[Packet]) -> tuple[int, int]:
    """Append the whole records from `position` on to `found`. Returns the position behind them, and
    the size that a record claims if it is too large, or 0."""
    big, fraction, head, largest = layout
    unpack = (_BIG if big else _LITTLE).unpack_from
    make, append = tuple.__new__, found.append  # of what Packet(…) does, the part that is needed
    last = len(data) - head
    while position <= last:
        seconds, rest, captured, length = unpack(data, position)
        if captured > largest:
            return position, captured
        end = position + head + captured
        if end > len(data):
            break
        ns = seconds * 1_000_000_000 + rest * fraction
        append(make(Packet, (ns, data[position + head : end], length)))
        position = end
    return position, 0


try:
    from collectors.capture.fast_headers import cut
except ImportError:  # it was not built
    cut = _cut


class PcapReader:
    """Cuts a pcap byte stream into packets, however it is split. `linktype` is known after 24
    bytes.

    Raises CaptureError where the bytes are not pcap: what was read before stays valid.
    """

    def __init__(self) -> None:
        self.linktype: int | None = None
        self._rest = b""
        self._layout: Layout = (False, 1000, RECORD, MAX_FRAME)

    @property
    def header_read(self) -> bool:
        return self.linktype is not None

    @property
    def waiting(self) -> int:
        """Bytes of a packet (or of the header) whose end has not come yet."""
        return len(self._rest)

    def feed(self, data: bytes) -> list[Packet]:
        if self._rest:
            data = self._rest + data
        position = 0
        if self.linktype is None:
            if len(data) < HEADER:
                self._rest = bytes(data)
                return []
            self._read_header(data)
            position = HEADER
        packets: list[Packet] = []
        position, claimed = cut(data, position, self._layout, packets)
        if claimed:
            self._rest = b""
            before = [(self.linktype or 0, packets)] if packets else []
            raise Damaged(f"The capture is damaged: a record claims {claimed} bytes.", before)
        self._rest = bytes(data[position:])
        return packets

    def _read_header(self, data: bytes) -> None:
        magic = bytes(data[:4])
        if magic not in MAGIC:
            raise CaptureError("What came is not a capture (no pcap header).")
        order, fraction, head = MAGIC[magic]
        self._layout = (order == ">", fraction, head, MAX_FRAME)
        self.linktype = struct.unpack_from(order + "I", data, 20)[0] & 0xFFFF


def packed_header(linktype: int) -> bytes:
    """What a file begins with."""
    return _FILE_HEADER.pack(NANOSECOND, *VERSION, *UTC, MAX_FRAME, linktype)


def packed_packets(packets: Iterable[Packet]) -> bytes:
    return b"".join(_record(packet) for packet in packets)


class PcapWriter:
    """A new pcap file of mode 0600 that Wireshark opens. Each write reaches the file at once."""

    def __init__(self, path: Path, linktype: int) -> None:
        self.path = path
        self._fd = open_new(path)
        self._size = 0
        self._write(packed_header(linktype))

    def write(self, packets: Sequence[Packet]) -> None:
        """Append packets. OSError where the disk is full; the file ends with its last whole
        packet."""
        self._write(packed_packets(packets))

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        start = self._size
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, start)
            raise
        self._size = start + len(data)

    def close(self) -> None:
        os.close(self._fd)


def _record(packet: Packet) -> bytes:
    seconds, rest = divmod(packet.ns, 1_000_000_000)
    return (
        struct.pack("<IIII", seconds, rest, len(packet.data), max(packet.length, len(packet.data)))
        + packet.data
    )
