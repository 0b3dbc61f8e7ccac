"""Reads packets from a pcap or pcapng capture, compressed or not, in a file or a pipe."""

from __future__ import annotations

import itertools
import os
import select
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from collectors.capture.decompression import (
    SIGNATURE_BYTES,
    CutCompression,
    DamagedCompression,
    decoder_for,
    decompressed,
    decompressed_file,
    foreign_format,
)
from collectors.capture.header_values import ETHERNET, LINUX_SLL, LINUX_SLL2, RAW_TYPES
from collectors.capture.pcap import MAGIC, Damaged, PcapReader
from collectors.capture.pcapng import SECTION_BYTES, Chunk, PcapngReader
from collectors.capture.records import RawChunk, packets_of
from collectors.errors import CaptureError, exit_code_of
from collectors.plural import counted
from collectors.sanitize import sanitize

PIECE = 65_536  # bytes; larger ones are slower: each needs new memory
STDIN = Path("-")
USUAL = {ETHERNET, LINUX_SLL, LINUX_SLL2, *RAW_TYPES}  # decoded without importing the dissector


class CaptureReader:
    """pcap or pcapng, recognised by its first four bytes; `feed` accepts pieces of any size."""

    def __init__(self) -> None:
        self._reader: PcapReader | PcapngReader | None = None
        self._head = b""

    def feed(self, data: bytes) -> list[Chunk]:
        """Packets in the order of the capture, grouped by link type. CaptureError if the data is
        not a capture; Damaged, with the `chunks` before the damage, if it cannot be read further.
        """
        return [(linktype, packets_of(found)) for linktype, found in self.records(data)]

    def records(self, data: bytes) -> list[RawChunk]:
        """As `feed`, but records that refer to the data in place of copies."""
        if self._reader is None:
            self._head += data
            if len(self._head) < 4:
                return []
            data, self._head = self._head, b""
            self._reader = _reader_of(data)
        if isinstance(self._reader, PcapngReader):
            return list[RawChunk](self._reader.feed(data))
        found = self._reader.records(data)
        return [(self._reader.linktype or 0, records) for records in found]

    def close(self) -> None:
        """The input has ended. CaptureError if it was not a capture, Truncated if it was cut."""
        if self._reader is None:
            raise CaptureError("it is empty" if not self._head else "it is neither pcap nor pcapng")
        if not self._reader.header_read:
            raise CaptureError("it ends before its header does")
        if self._reader.waiting:
            raise Truncated(
                f"it ends in the middle of a packet: its last {self._reader.waiting} bytes are not "
                "shown"
            )


def _reader_of(head: bytes) -> PcapReader | PcapngReader:
    if head[:4] == SECTION_BYTES:
        return PcapngReader()
    if head[:4] in MAGIC:
        return PcapReader()
    foreign = foreign_format(head)
    raise CaptureError(f"it is {foreign}" if foreign else "it is neither pcap nor pcapng")


class Truncated(CaptureError):
    """The capture ends within a packet; all complete packets were returned."""


class NotDecoded(CaptureError):
    """Some packets, which were returned as well, have link types that podwire does not decode.
    `all_of_them`: there were no others."""

    def __init__(self, message: str, all_of_them: bool) -> None:
        super().__init__(message)
        self.all_of_them = all_of_them


def was_read(error: CaptureError) -> bool:
    """Whether all packets were returned in spite of the error: the capture was cut, or has some
    packets of another link type."""
    if isinstance(error, NotDecoded):
        return not error.all_of_them
    return isinstance(error, Truncated)


def read_file(path: Path) -> Iterator[Chunk]:
    """The packets of a file, or of standard input for `-`.

    CaptureError, with a sentence, if it is not a capture or cannot be read further; Truncated if it
    was cut; NotDecoded if podwire does not know its link type. All packets before are returned.
    """
    return _packets(read_records(path))


def read_records(path: Path) -> Iterator[RawChunk]:
    """As `read_file`, but records that refer to the data in place of copies."""
    if path == STDIN:
        return _records(_piped(0), "standard input")
    return _records(_of_path(path), sanitize(path, 200))


def read_pipe(fd: int, idle_s: float) -> Iterator[Chunk]:
    """The packets of a pipe; an empty chunk whenever nothing arrived for `idle_s` seconds."""
    return _packets(_records(_piped(fd, idle_s), "standard input"))


def _packets(chunks: Iterator[RawChunk]) -> Iterator[Chunk]:
    return ((linktype, packets_of(found)) for linktype, found in chunks)


def _records(pieces: Iterator[bytes], name: str) -> Iterator[RawChunk]:
    reader, counts, cut = CaptureReader(), Counter[int](), ""
    try:
        for piece in pieces:
            if not piece:
                yield 0, []
                continue
            for linktype, found in reader.records(piece):
                counts[linktype] += len(found)
                yield linktype, found
    except CutCompression as error:
        cut = str(error)
    except Damaged as error:
        yield from error.chunks
        raise CaptureError(f"{name}: {error}") from None
    except DamagedCompression as error:
        raise CaptureError(f"{name}: {error}.") from None
    except CaptureError as error:
        raise CaptureError(f"{name} is not a capture: {error}.") from None
    except OSError as error:
        refused = CaptureError(f"{name} cannot be read: {error.strerror}.")
        refused.exit_code = exit_code_of(error)
        raise refused from None
    _check_end(reader, name, cut)
    _check_link_types(counts, name)


def _check_end(reader: CaptureReader, name: str, cut: str) -> None:
    try:
        reader.close()
    except Truncated as error:
        raise Truncated(f"{name}: {cut or error}.") from None
    except CaptureError as error:
        raise CaptureError(f"{name} is not a capture: {cut or error}.") from None
    if cut:
        raise Truncated(f"{name}: {cut}.")


def _check_link_types(counts: Counter[int], name: str) -> None:
    if counts.keys() <= USUAL:
        return
    from collectors.capture.links import LINKS, link_name  # with the dissector

    unknown = [linktype for linktype in counts if linktype not in LINKS]
    if not unknown:
        return
    parts = [
        f"{counted(counts[linktype], 'packet')} of {link_name(linktype)}" for linktype in unknown
    ]
    raise NotDecoded(
        f"{name}: podwire does not decode {', '.join(parts)}.",
        all_of_them=len(unknown) == len(counts),
    )


def _of_path(path: Path) -> Iterator[bytes]:
    """A file's bytes, decompressed. What cannot be opened twice (a FIFO) is read as a pipe."""
    with path.open("rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            yield from _piped(file.fileno())
            return
        make = decoder_for(file.read(SIGNATURE_BYTES))
    yield from _raw(path) if make is None else decompressed_file(lambda: _raw(path), make)


def _raw(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        while piece := file.read(PIECE):
            yield piece


def _piped(fd: int, idle_s: float | None = None) -> Iterator[bytes]:
    """Pieces as they arrive, decompressed; an empty one if nothing arrived for `idle_s`."""
    if os.isatty(fd):
        raise CaptureError("it is a terminal; pipe a capture into it")
    pieces = _arriving(fd, idle_s)
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= SIGNATURE_BYTES:
            break
        if not piece:
            yield b""
    if not head:
        return
    make = decoder_for(head)
    arriving = itertools.chain([head], pieces)
    yield from arriving if make is None else decompressed(arriving, make)


def _arriving(fd: int, idle_s: float | None) -> Iterator[bytes]:
    waits = idle_s is not None and not stat.S_ISREG(os.fstat(fd).st_mode)
    while True:
        if waits and not select.select([fd], [], [], idle_s)[0]:
            yield b""
            continue
        piece = os.read(fd, PIECE)
        if not piece:
            return
        yield piece
