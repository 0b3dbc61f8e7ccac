"""Names that differ in a letter or two: the typing error itself."""

from __future__ import annotations

from collections.abc import Iterable

MOST = 2  # letters


def near(wanted: str, names: Iterable[str]) -> str:
    """The name that is nearest to the wanted one; '' where none is near."""
    by_distance = sorted((distance(name, wanted), name) for name in names if name != wanted)
    return next((name for letters, name in by_distance if letters <= MOST), "")


def misspelt(wanted: str, names: Iterable[str]) -> str:
    """The name that was meant, if one is near. Names that differ in a figure are two: v1 and v2,
    job-28 and job-29."""
    plain = _without_figures(wanted)
    return near(wanted, (name for name in names if _without_figures(name) != plain))


def _without_figures(name: str) -> str:
    return "".join(letter for letter in name if not letter.isdecimal())


def distance(one: str, other: str) -> int:
    """Edit distance (Levenshtein), for names."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]
