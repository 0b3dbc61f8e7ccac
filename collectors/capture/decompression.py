"""Compressed captures: gzip, bzip2, xz and Zstandard, also of several members, are read; others are
refused by their name.

What was decoded before damage is not lost: the decoders of the standard library drop the output of
a call that fails, so a damaged file is decoded a second time, up to the damaged byte.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from collectors.errors import CaptureError

OUTPUT = 65_536  # bytes decoded at a time: what a compression bomb may hold in memory
SIGNATURE_BYTES = 12
GZIP, BZIP2, XZ = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0"
ZSTD, ZSTD_SKIPPABLE = b"\x28\xb5\x2f\xfd", b"\x5d\x2a\x4d\x18"  # RFC 8878; a session's frames
ZSTD_INPUT = 32  # bytes at a time: each may become a block of 128 KiB
ZSTD_WINDOW = 1 << 27  # bytes, of what another program wrote
# signature, what it is, how a user gets a capture out of it
OTHER_FORMATS = (
    (b"\x04\x22\x4d\x18", "LZ4-compressed", "lz4 -d"),
    (b"\x1f\x9d", "compressed by compress (.Z)", "uncompress"),
    (b"\x1f\xa0", "compressed by compress -H (.Z)", "uncompress"),
    (b"]\0\0", "LZMA-compressed", "unlzma"),
    (b"LZIP", "lzip-compressed", "lzip -d"),
    (b"\x89LZO\0\r\n\x1a\n", "LZO-compressed", "lzop -d"),
    (b"PK\x03\x04", "a zip archive", "unzip"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "7z x"),
    (b"Rar!\x1a\x07", "a RAR archive", "unrar x"),
    (b"snoop\0\0\0", "a snoop capture", "editcap -F pcapng"),
    (b"btsnoop\0", "a Bluetooth capture (btsnoop)", ""),
    (b"GMBU", "a Network Monitor capture", "editcap -F pcapng"),
    (b"RTSS", "a Network Monitor capture", "editcap -F pcapng"),
    (b"TRSNIFF data", "a Sniffer capture", "editcap -F pcapng"),
    (b"XCP\0", "a NetXRay capture", "editcap -F pcapng"),
    (b"\x13\x37\xc0\xde", "an ETL or vendor trace", ""),
)


class DamagedCompression(CaptureError):
    """The compressed data cannot be decoded further."""


class CutCompression(CaptureError):
    """The compressed data ends before it should."""


class _Decoder(Protocol):
    """What bz2 and lzma offer; `_GzipMember` gives zlib the same form."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _GzipMember:
    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(31)

    @property
    def eof(self) -> bool:
        return self._inflate.eof

    @property
    def needs_input(self) -> bool:
        return not self._inflate.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inflate.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._inflate.decompress(self._inflate.unconsumed_tail + data, max_length)


class _ZstdFrame:
    """A frame, or a skippable one, which holds nothing."""

    def __init__(self) -> None:
        import zstandard  # others do without

        self._error = zstandard.ZstdError
        decompressor = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW)
        self._frame = decompressor.decompressobj()
        self._waiting = b""

    @property
    def eof(self) -> bool:
        return self._frame.eof

    @property
    def needs_input(self) -> bool:
        return self.eof or not self._waiting

    @property
    def unused_data(self) -> bytes:
        return self._frame.unused_data + self._waiting

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        data, found, size, place = self._waiting + data, [], 0, 0
        while place < len(data) and size < max_length and not self.eof:
            try:
                found.append(self._frame.decompress(data[place : place + ZSTD_INPUT]))
            except self._error as error:
                raise ValueError(str(error)) from None
            size += len(found[-1])
            place += ZSTD_INPUT
        self._waiting = data[place:]
        return b"".join(found)


def _bzip2() -> _Decoder:
    import bz2  # here and below: most captures need neither

    return bz2.BZ2Decompressor()


def _xz() -> _Decoder:
    import lzma

    return lzma.LZMADecompressor(lzma.FORMAT_XZ)


_DECODERS: tuple[tuple[bytes, Callable[[], _Decoder]], ...] = (
    (GZIP, _GzipMember),
    (BZIP2, _bzip2),
    (XZ, _xz),
    (ZSTD, _ZstdFrame),
    (ZSTD_SKIPPABLE, _ZstdFrame),
)


_NAMES = {_GzipMember: "gzip", _bzip2: "bzip2", _xz: "xz", _ZstdFrame: "Zstandard"}


def _errors() -> tuple[type[Exception], ...]:
    """What the decoders that were used raise."""
    lzma = sys.modules.get("lzma")
    of_xz = () if lzma is None else (lzma.LZMAError,)
    return (zlib.error, OSError, EOFError, ValueError, *of_xz)


def decoder_for(head: bytes) -> Callable[[], _Decoder] | None:
    return next((make for magic, make in _DECODERS if head.startswith(magic)), None)


def foreign_format(head: bytes) -> str:
    """A clause on what else a file is, and what to do; '' where that is not known."""
    for magic, name, command in OTHER_FORMATS:
        if head.startswith(magic):
            return f"{name}, which podwire does not read" + (f": use {command}" if command else "")
    return ""


def decompressed(pieces: Iterable[bytes], make: Callable[[], _Decoder]) -> Iterator[bytes]:
    """What compressed pieces hold, member after member. Raises CutCompression or DamagedCompression
    behind all that was decoded; zeros behind the last member are padding. An empty piece gives an
    empty piece."""
    decoder, begun, rest = make(), False, b""
    for piece in pieces:
        if not piece:
            yield b""
            continue
        data, rest = rest + piece, b""
        while data or not decoder.needs_input:
            if not begun:
                if not data.strip(b"\0"):
                    break
                if decoder_for(data) is None:
                    rest = data
                    break
            begun = True
            try:
                found = decoder.decompress(data, OUTPUT)
            except _errors():
                raise DamagedCompression("its compression is damaged") from None
            if found:
                yield found
            data = b""
            if decoder.eof:
                data, decoder, begun = decoder.unused_data, make(), False
        if len(rest) >= SIGNATURE_BYTES:
            break
    if begun:
        raise CutCompression(f"it was cut: its {_NAMES[make]} data has no end")
    if rest:
        raise DamagedCompression("other bytes follow its compressed data, and are not read")


def decompressed_file(
    opened: Callable[[], Iterator[bytes]], make: Callable[[], _Decoder]
) -> Iterator[bytes]:
    """As `decompressed`, of a source that can be opened again: nothing before damage is lost."""
    pieces, given, position = _Counted(opened()), 0, 0
    try:
        for found in decompressed(pieces, make):
            given += len(found)
            yield found
        return
    except DamagedCompression:
        pass
    for found in decompressed(_in_bytes(opened(), pieces.count), make):
        position += len(found)
        if position > given:
            yield found[given - position :]
            given = position


class _Counted:
    """Pieces, and how many were given."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.count = 0
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self.count += 1
            yield piece


def _in_bytes(pieces: Iterator[bytes], number: int) -> Iterator[bytes]:
    """The same, from piece `number` on byte by byte."""
    for count, piece in enumerate(pieces, 1):
        if count < number:
            yield piece
        else:
            yield from (piece[at : at + 1] for at in range(len(piece)))
