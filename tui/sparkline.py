"""A graph in one line of text, for a row of a list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

BARS = "▁▂▃▄▅▆▇█"
CELLS = 8


def sparkline(values: Sequence[float | None]) -> str:
    """A bar for each value, the highest of them as high as the line; a blank for one that is not
    known. What is not 0 is visible."""
    highest = max((value for value in values if value is not None), default=0.0)
    return "".join(" " if value is None else _bar(value, highest) for value in values)


def _bar(value: float, highest: float) -> str:
    if value <= 0:
        return BARS[0]
    return BARS[max(1, round(value / highest * (len(BARS) - 1)))]


def most_of_each(
    points: Iterable[tuple[float, float | None]], now: float, seconds: float
) -> list[float | None]:
    """The largest value of each of the last CELLS spans of so many seconds, oldest first."""
    found: list[float | None] = [None] * CELLS
    for at, value in points:
        place = CELLS - 1 - int((now - at) // seconds)
        if value is not None and 0 <= place < CELLS:
            before = found[place]
            found[place] = value if before is None else max(before, value)
    return found


def count_of_each(times: Iterable[float], now: float, seconds: float) -> list[float | None]:
    """How many of the times are in each of the last CELLS spans of so many seconds."""
    found = [0.0] * CELLS
    for at in times:
        place = CELLS - 1 - int((now - at) // seconds)
        if 0 <= place < CELLS:
            found[place] += 1
    return [*found]
