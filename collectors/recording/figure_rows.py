"""Figures over time, as a session has worked them out: kept beside what they were made of, so that
graphs are there at once wherever a replay begins."""

from __future__ import annotations

from collectors.events import Event
from collectors.frozen import frozen


@frozen
class FigureRows(Event):
    """Rows of a target's history. `gaps` are the numbers of rows in which nothing is known, None a
    value that is not; a figure without a column did not move. `moved` is what each counter has
    moved in all, `packets` how many were captured, up to the last row."""

    of_peers: bool
    times: tuple[float, ...]
    columns: dict[str, tuple[float | None, ...]]
    gaps: tuple[int, ...]
    moved: dict[str, int]
    packets: int = 0
