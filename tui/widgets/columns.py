"""The columns of a list: what each shows, and how wide each is on a screen of any width."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import takewhile
from typing import Any

from rich.cells import cell_len, set_cell_size

from collectors.cluster.inventory.short_names import shortened
from collectors.frozen import frozen

SMALLEST = 4  # cells of a flexible column
HEAD = 4  # cells that remain of what names have in common
_TO_SEPARATOR = re.compile(r".*[-./]")
Cell = str | tuple[str, str]  # text, or text and a style name: good, warn, bad, dim, name


@frozen
class Column:
    """`cell` gives the text of a row. `width` is the maximum in cells (less where texts are
    shorter); 0 is what the others leave, at least `least`. On a narrow screen a column with
    `tight` is cut down to that many cells, and those of a high `rank` go first. `tail` cells of
    a text's end remain where it is cut: a port. A column of numbers (`right`) is as wide as they
    are: a number that is cut is another number."""

    title: str
    width: int
    cell: Callable[[Any], Cell]
    right: bool = False
    rank: int = 0
    least: int = 22
    tight: int = 0
    tail: int = 0


def fit(text: str, width: int, right: bool = False, tail: int = 0, common: str = "") -> str:
    """Exactly `width` cells; an ellipsis stands for what does not fit: first for the hash of a
    pod's template and for what all begin with (`common`). Text is sanitized."""
    size = cell_len(text)
    if size > width and tail:
        text = _apart(text, width, common)
        size = cell_len(text)
    if size > width:
        return _cut(text, width, tail if tail < width - 1 else 0)
    pad = " " * (width - size)
    return pad + text if right else text + pad


def _apart(name: str, width: int, common: str) -> str:
    """A name without what is the same in others."""
    short = shortened(name)
    if cell_len(short) <= width or not (common and short.startswith(common)):
        return short
    rest = short[len(common) :]
    return f"{common[: max(HEAD, width - 1 - cell_len(rest))]}…{rest}"


def common_beginning(texts: Iterable[str]) -> str:
    """What several names all begin with, up to a separator; '' where that is short."""
    several = list(texts)
    if len(several) < 2:
        return ""
    pairs = zip(min(several), max(several), strict=False)
    same = "".join(one for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    found = _TO_SEPARATOR.match(same)
    return found[0] if found and len(found[0]) > HEAD + 1 else ""


def _cut(text: str, width: int, tail: int) -> str:
    if not width:
        return ""
    head, dots, rest = text.partition("…")
    if tail and dots and SMALLEST + 1 + cell_len(rest) <= width:
        return f"{set_cell_size(head, width - 1 - cell_len(rest))}…{rest}"  # one is enough
    end = text[len(text) - tail :]
    return f"{set_cell_size(text, max(width - 1 - cell_len(end), 0))}…{end}"


def laid_out(
    columns: Sequence[Column], needed: Mapping[str, int], available: int
) -> list[tuple[Column, int]]:
    """The columns that fit into `available` cells, and the width of each; `needed` are the cells
    of their texts by title. A flexible column gets what is left, but no more than its texts need
    where others follow, so that a row can be read across a wide screen."""
    kept = list(columns)
    while _total(kept, needed) > available and any(column.rank for column in kept):
        kept.remove(max(kept, key=lambda column: column.rank))
    sizes = {column.title: _least(column, needed) for column in kept}
    _widen(kept, sizes, needed, available - _total(kept, needed))
    room = available - sum(size + 1 for size in sizes.values())
    for column in kept:
        if not column.width:
            most = max(column.least, _wish(column, needed) + 2)
            size = sizes[column.title] + room
            sizes[column.title] = max(SMALLEST, size if column is kept[-1] else min(size, most))
    return [(column, sizes[column.title]) for column in kept]


def _wish(column: Column, needed: Mapping[str, int]) -> int:
    """Cells with which nothing of it is cut."""
    return needed.get(column.title, len(column.title))


def _least(column: Column, needed: Mapping[str, int]) -> int:
    if not column.width:
        return max(SMALLEST, min(column.least, needed.get(column.title, column.least)))
    wish = _wish(column, needed)
    return min(wish, column.tight) if column.tight else wish


def _total(columns: Sequence[Column], needed: Mapping[str, int]) -> int:
    return sum(_least(column, needed) + 1 for column in columns)


def _widen(
    columns: Sequence[Column], sizes: dict[str, int], needed: Mapping[str, int], room: int
) -> None:
    """Give cells back to those that were cut, always to the one that lacks the largest share."""
    wishes = {column.title: _wish(column, needed) for column in columns}
    for _ in range(room):
        cut = [title for title, size in sizes.items() if size < wishes[title]]
        if not cut:
            return
        sizes[min(cut, key=lambda title: sizes[title] / wishes[title])] += 1
