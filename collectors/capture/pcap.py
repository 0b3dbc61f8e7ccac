"""Classic pcap (draft-ietf-opsawg-pcap): a reader of streams in any pieces, and a file writer."""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

from collectors.capture.records import Layout, Records, captured_size, whole
from collectors.errors import CaptureError
from collectors.new_file import open_new
from collectors.packet import Packet

MAX_FRAME = 262_144  # tcpdump's own largest snap length
NANOSECOND = 0xA1B23C4D
VERSION, UTC = (2, 4), (0, 0)  # of the format; no offset of the clock, no accuracy
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
        return [packet for records in self.records(data) for packet in records.packets()]

    def records(self, data: bytes) -> list[Records]:
        """As `feed`, of what is read where it lies."""
        found: list[Records] = []
        if self._rest:
            data = self._join(data, found)
        position = 0
        if self.linktype is None:
            if len(data) < HEADER:
                self._rest = bytes(data)
                return []
            self._read_header(data)
            position = HEADER
        end, count, claimed = whole(data, position, self._layout)
        if count:
            found.append(Records(data, position, self._layout, count))
        if claimed:
            self._rest = b""
            packets = [packet for records in found for packet in records.packets()]
            before = [(self.linktype or 0, packets)] if packets else []
            raise Damaged(f"The capture is damaged: a record claims {claimed} bytes.", before)
        self._rest = bytes(data[end:])
        return found

    def _join(self, data: bytes, found: list[Records]) -> bytes:
        """What is to be read of the rest and of what came. A record of which each has a part is
        put together alone, where that is all: the other records need not be copied."""
        rest, head = self._rest, self._layout[2]
        if self.linktype is None or len(rest) < head:
            return rest + data
        missing = captured_size(rest, self._layout) - (len(rest) - head)
        if not 0 < missing <= len(data):
            return rest + data
        found.append(Records(rest + data[:missing], 0, self._layout, 1))
        return data[missing:]

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
