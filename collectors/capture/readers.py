"""A capture of either format, as a stream of bytes or a file, into packets."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

from collectors.capture.pcap import MAGIC, Damaged, PcapReader
from collectors.capture.pcapng import SECTION_BYTES, Chunk, PcapngReader
from collectors.errors import CaptureError
from collectors.sanitize import sanitize

PIECE = 65_536
GZIP = b"\x1f\x8b"


class CaptureReader:
    """pcap or pcapng, results by the first four bytes; `feed` takes any pieces."""

    def __init__(self) -> None:
        self._reader: PcapReader | PcapngReader | None = None
        self._head = b""

    def feed(self, data: bytes) -> list[Chunk]:
        """Packets of one link type in a row. CaptureError where this is no capture; Damaged, with `chunks` of what
        came before, where it cannot be read on."""
        if self._reader is None:
            self._head += data
            if len(self._head) < 4:
                return []
            data, self._head = self._head, b""
            if data[:4] == SECTION_BYTES:
                self._reader = PcapngReader()
            elif data[:4] in MAGIC:
                self._reader = PcapReader()
            else:
                raise CaptureError("it is neither pcap nor pcapng")
        if isinstance(self._reader, PcapngReader):
            return self._reader.feed(data)
        packets = self._reader.feed(data)
        return [(self._reader.linktype or 0, packets)] if packets else []

    @property
    def waiting(self) -> int:
        """Bytes that were read and are not a whole packet: at the end of a file, that it was cut."""
        return self._reader.waiting if self._reader is not None else len(self._head)


def read_file(path: Path) -> Iterator[Chunk]:
    """The packets of a file, gzipped or not. CaptureError with a sentence where it is not one, cannot be read on or
    ends early: whatever came before has been given by then."""
    reader, name = CaptureReader(), sanitize(path, 200)
    try:
        for piece in _pieces(path):
            yield from reader.feed(piece)
    except Damaged as error:
        yield from error.chunks
        raise CaptureError(f"{name}: {error}") from None
    except CaptureError as error:
        raise CaptureError(f"{name} is not a capture: {error}.") from None
    except zlib.error:
        raise CaptureError(f"{name}: its compression is damaged.") from None
    except OSError as error:
        raise CaptureError(f"{name} cannot be read: {error.strerror}.") from None
    if reader.waiting:
        raise Truncated(
            f"{name} ends in the middle of a packet: its last {reader.waiting} bytes are not shown."
        )


class Truncated(CaptureError):
    """The file was cut: all whole packets were given."""


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        first = file.read(PIECE)
        if first[:2] != GZIP:
            yield first
            while piece := file.read(PIECE):
                yield piece
            return
        inflate, piece = zlib.decompressobj(31), first
        while piece:
            data = inflate.decompress(piece, PIECE)
            yield data
            piece = inflate.unconsumed_tail or file.read(PIECE)
