"""A file of compressed blocks, one after the other; each can be read by itself, and what is written
is on disk within the second: a torn end costs what came after the last flush.

A block is a zstd frame behind a skippable frame that says where it is in time: `zstd -dc` reads
the whole file as if there were none. The place of a block is found by its header, which has the
file's own random token: bytes of a packet cannot pretend to be one.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import secrets
import struct
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import zstandard

from collectors.new_file import open_new
from collectors.recording.field_types import is_time

LEVEL = 3
SKIPPABLE = b"\x5d\x2a\x4d\x18"  # RFC 8878, 3.1.2
_NAME, _TOKEN = b"podwire1", 8
_PLACE = struct.Struct("<8sdQ")  # the file's token, time, number
_BEGIN = SKIPPABLE + struct.pack("<I", len(_NAME) + _PLACE.size) + _NAME
HEADER = len(_BEGIN) + _PLACE.size  # bytes
LONGEST = 8 << 20  # bytes of a block, before compression
MOST = 64 << 20  # that a block may claim when it is read: a file may be hostile
STEP = 1 << 9  # bytes that are unpacked together: with a damaged one go the others
WINDOW = 1 << 27  # of a foreign encoder
SPLIT = 1 << 20  # bytes of which lines are made together


class BlockHeader(NamedTuple):
    """What a block begins with: a time, and a number (of the first event or packet)."""

    offset: int
    at: float
    number: int


class FileBlock(NamedTuple):
    """Where a block is in its file, and what its header says."""

    path: Path
    offset: int
    at: float
    number: int
    end: int


OnDamage = Callable[[FileBlock], None]
Condition = Literal["whole", "torn", "damaged"]


class BlockWriter:
    """A new file of mode 0600. Blocking: used in a thread."""

    def __init__(self, path: Path, level: int = LEVEL) -> None:
        self.path = path
        self.size = 0
        self._fd = open_new(path)
        self._token = secrets.token_bytes(_TOKEN)
        self._compressor = zstandard.ZstdCompressor(level=level, write_checksum=True)
        self._frame: zstandard.ZstdCompressionObj | None = None
        self._in_block = 0

    @property
    def is_open(self) -> bool:
        """Whether a block has begun and not ended."""
        return self._frame is not None

    @property
    def is_full(self) -> bool:
        return self._in_block >= LONGEST

    def begin(self, at: float, number: int) -> None:
        """The next block; the one before ends."""
        self.end()
        self._append(self._header(at, number))
        self._frame = self._compressor.compressobj()

    def _header(self, at: float, number: int) -> bytes:
        return _BEGIN + _PLACE.pack(self._token, at, number)

    def write(self, data: bytes) -> None:
        """Add to the block that has begun. OSError where the disk is full: the block is over, and
        what was flushed of it stays."""
        assert self._frame is not None
        self._in_block += len(data)
        self._append(self._frame.compress(data))

    def flush(self) -> None:
        """What was written can be read, whatever comes after."""
        if self._frame is not None:
            self._append(self._frame.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))

    def end(self) -> None:
        if self._frame is not None:
            self._append(self._frame.flush(zstandard.COMPRESSOBJ_FLUSH_FINISH))
            self._frame, self._in_block = None, 0

    def _append(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError:
            self._frame, self._in_block = None, 0
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self.size)
                os.lseek(self._fd, self.size, os.SEEK_SET)
            raise
        self.size += len(data)

    def close(self) -> None:
        try:
            self.end()
        finally:
            os.close(self._fd)


def blocks(path: Path) -> list[FileBlock]:
    """Those of a file in order; what is before the first is passed over."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size < HEADER:
            return []
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return list(_blocks_in(path, data))


def _blocks_in(path: Path, data: mmap.mmap) -> Iterator[FileBlock]:
    """Each ends where the next begins, the last with the file."""
    headers = list(_headers(data))
    ends = [header.offset for header in headers[1:]] + [len(data)]
    for header, end in zip(headers, ends, strict=False):  # without a header there is no block
        yield FileBlock(path, *header, end)


def _headers(data: mmap.mmap) -> Iterator[BlockHeader]:
    """Each that has the token of the first."""
    wanted = _BEGIN
    place = data.find(wanted)
    while place >= 0 and place + HEADER <= len(data):
        token, at, number = _PLACE.unpack_from(data, place + len(_BEGIN))
        wanted = _BEGIN + token
        yield BlockHeader(place, at if is_time(at) else 0.0, number)
        place = data.find(wanted, place + HEADER)


def _packed(block: FileBlock) -> bytes:
    with block.path.open("rb") as file:
        file.seek(block.offset + HEADER)
        return file.read(block.end - block.offset - HEADER)


def content(block: FileBlock, on_damage: OnDamage | None = None) -> Iterator[bytes]:
    """A block's bytes, in pieces. A torn one ends early; one that is damaged as well, and is said:
    what is before the damage is read."""
    condition = yield from pieces(block)
    if condition == "damaged" and on_damage is not None:
        on_damage(block)


def whole_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Lines that are not empty; what is behind the last line end was torn off."""
    rest: list[bytes] = []
    for piece in pieces:
        for begin in range(0, len(piece), SPLIT):
            first, *others = piece[begin : begin + SPLIT].split(b"\n")
            if others:
                yield from filter(None, (b"".join((*rest, first)), *others[:-1]))
                first, rest = others[-1], []
            rest.append(first)


def pieces(block: FileBlock) -> Generator[bytes, None, Condition]:
    """The same, and at the end what the block is like. A torn one is as a process leaves it that
    was killed, or whose disk was full."""
    unpacker = zstandard.ZstdDecompressor(max_window_size=WINDOW).decompressobj()
    packed, left = memoryview(_packed(block)), MOST
    try:
        while packed and left > 0 and not unpacker.eof:
            piece = unpacker.decompress(packed[:STEP])
            packed, left = packed[STEP:], left - len(piece)
            if piece:
                yield piece
        is_damaged = bool(packed or unpacker.unused_data)  # the next block's header, if no other
    except zstandard.ZstdError:
        is_damaged = True
    if is_damaged:
        return "damaged"
    return "whole" if unpacker.eof else "torn"
