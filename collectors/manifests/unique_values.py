"""Values that may be in a list only once."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator

from collectors.manifests.problems import FieldProblems
from collectors.sanitize import sanitize


def repeated(values: Iterable[Hashable]) -> Iterator[int]:
    """The positions of values that were there before. None stands for no value, as often as it
    likes."""
    seen: set[Hashable] = set()
    for number, value in enumerate(values):
        if value is not None and value in seen:
            yield number
        seen.add(value)


def check_unique(values: Iterable[Hashable], problems: FieldProblems, field: str = "name") -> None:
    """The same value twice, at the entries of a list whose problems these are."""
    given = list(values)
    for number in repeated(given):
        shown = repr(sanitize(given[number], 80)) if given[number] else "an absent one"
        problems.add((number, field), f"{shown} is there twice")
