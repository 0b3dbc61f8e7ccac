"""Classic pcap: a stream reader that takes bytes as they come, and a file writer (draft-ietf-opsawg-pcap)."""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

from collectors.errors import CaptureError
from collectors.events import Packet

MAX_FRAME = 262_144  # tcpdump's own largest snap length
_MAGIC = {
    b"\xd4\xc3\xb2\xa1": ("<", 1e-6), b"\xa1\xb2\xc3\xd4": (">", 1e-6),
    b"\x4d\x3c\xb2\xa1": ("<", 1e-9), b"\xa1\xb2\x3c\x4d": (">", 1e-9),
}  # fmt: skip


class PcapReader:
    """Cuts a pcap byte stream into packets, however it is split. `linktype` is known after 24 bytes.

    Raises CaptureError where the bytes are not pcap: what was read before stays valid.
    """

    def __init__(self) -> None:
        self.linktype: int | None = None
        self._buffer = bytearray()
        self._record = struct.Struct("<IIII")
        self._fraction = 1e-6

    def feed(self, data: bytes) -> list[Packet]:
        self._buffer += data
        if self.linktype is None and not self._read_header():
            return []
        return list(self._records())

    def _read_header(self) -> bool:
        if len(self._buffer) < 24:
            return False
        magic = bytes(self._buffer[:4])
        if magic not in _MAGIC:
            raise CaptureError("What tcpdump sent is not a capture (no pcap header).")
        order, self._fraction = _MAGIC[magic]
        self._record = struct.Struct(order + "IIII")
        self.linktype = struct.unpack_from(order + "I", self._buffer, 20)[0] & 0xFFFF
        del self._buffer[:24]
        return True

    def _records(self) -> Iterator[Packet]:
        buffer, position, end = self._buffer, 0, len(self._buffer)
        try:
            while end - position >= 16:
                seconds, fraction, captured, length = self._record.unpack_from(buffer, position)
                if captured > MAX_FRAME:
                    raise CaptureError(f"The capture is damaged: a record claims {captured} bytes.")
                if end - position - 16 < captured:
                    break
                start = position + 16
                position = start + captured
                yield Packet(seconds + fraction * self._fraction, bytes(buffer[start:position]), length)
        finally:
            del buffer[:position]


class PcapWriter:
    """A new pcap file of mode 0600 that Wireshark opens. Each write reaches the file at once."""

    def __init__(self, path: Path, linktype: int) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self.path = path
        self._fd = os.open(path, flags, 0o600)
        self._size = 0
        self._write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, MAX_FRAME, linktype))

    def write(self, packets: Sequence[Packet]) -> None:
        """Append packets. OSError where the disk takes no more; the file then ends with its last whole packet."""
        self._write(b"".join(_record(packet) for packet in packets))

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
    microseconds = round(packet.time * 1e6)
    seconds, rest = divmod(microseconds, 1_000_000)
    return struct.pack("<IIII", seconds, rest, len(packet.data), max(packet.length, len(packet.data))) + packet.data
