"""Names that differ in a letter or two: the typing error itself."""

from __future__ import annotations

from collections.abc import Iterable

MOST = 2  # letters


def near(wanted: str, names: Iterable[str]) -> str:
    """A name that is nearly the wanted one; '' where none is."""
    return next((name for name in sorted(names) if 0 < distance(name, wanted) <= MOST), "")


def distance(one: str, other: str) -> int:
    """Edit distance (Levenshtein), for names."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]
