"""Many lines of ss at once.

Lines that differ in their digits only have the same fields at the same places. One of them is read
name by name with a number of its own at every place, which locates each field; after that all of
them are read column by column.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import Any, NamedTuple

from collectors.sockets.rows import SocketRow

FIRST = 1000  # of the numbers that find the places; a unit multiplies by a power of 1000
MAX_NUMBERS = 200
DIGITS = b"0123456789."
_NUMBER = re.compile("[0-9.]+")
_END = ";"  # of a line, among its numbers
_NUMBERS = bytes(
    code if code in DIGITS else ord(_END) if code == ord("\n") else ord(" ") for code in range(256)
)
_new = tuple.__new__  # a named tuple's own looks for defaults, which doubles the time


class SsColumn(NamedTuple):
    """Where a field is: what `read` makes of the number at `place` (an address without `read`);
    without a place it is the `same` in each line."""

    place: int | None
    read: Callable[[str], object] | None = None
    same: object = None


class Layout(NamedTuple):
    numbers: int  # of a line
    columns: tuple[SsColumn, ...]  # the fields of a SocketRow, in their order


def shapes(data: bytes) -> list[bytes]:
    """What is left of each line without its digits. Spaces only align."""
    return data.translate(None, DIGITS + b" ").split(b"\n")


def learn(line: str, read: Callable[[str], SocketRow | None]) -> Layout | None:
    """The layout of the lines that differ from this one in their digits only; None where each must
    be read by name."""
    numbers = iter(range(FIRST, FIRST + MAX_NUMBERS))
    try:
        row = read(_NUMBER.sub(lambda _: str(next(numbers)), line))
        if row is None or row.alike != 1:
            return None
        return Layout(next(numbers) - FIRST, tuple(_column(value) for value in row))
    except (StopIteration, RuntimeError, ValueError, OverflowError):
        return None  # too many numbers, or one that is a part of a word


def _column(value: object) -> SsColumn:
    if isinstance(value, str) and _NUMBER.search(value):
        return SsColumn(int(value) - FIRST)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < FIRST:
        return SsColumn(None, None, value)
    factor = 1.0
    while value / factor >= FIRST + MAX_NUMBERS:
        factor *= 1000
        if factor > 1e12:
            raise ValueError(value)
    place = round(value / factor) - FIRST
    return SsColumn(place, type(value) if factor == 1 else lambda text: float(text) * factor)


def rows(
    lines: Sequence[bytes], layout: Layout, address: Callable[[str], str]
) -> Iterable[SocketRow]:
    """Lines of one shape as rows. Raises ValueError where one is not of that layout after all."""
    found = b" \n ".join([*lines, b""]).translate(_NUMBERS).decode().split()
    step = layout.numbers + 1
    if len(found) != step * len(lines) or found[layout.numbers :: step].count(_END) != len(lines):
        raise ValueError("numbers are missing, or too many")

    def values(column: SsColumn) -> Iterable[Any]:
        if column.place is None:
            return repeat(column.same, len(lines))
        return _read(found[column.place :: step], column.read or address)

    return map(_new, repeat(SocketRow), zip(*map(values, layout.columns), strict=True))


def _read(texts: list[str], read: Callable[[str], object]) -> Iterable[object]:
    """Each text that occurs is read once: most sockets are alike."""
    different = set(texts)
    if 2 * len(different) > len(texts):
        return map(read, texts)
    return map(dict(zip(different, map(read, different), strict=True)).__getitem__, texts)
