"""Every figure of a target over time: 30 minutes at full rate, a day by the minute, in bounded
memory.

A figure has a name: a counter's ('TcpRetransSegs', its rate; a level as it is), or 'peer NAME
FIELD'. All figures of one source share their times. What is not known is NaN: a gap.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field

from collectors.frozen import slotted

COARSE_S = 86_400.0
MINUTE = 60.0
FINE_ROWS = 1_800  # at one a second
TRIM = 128  # rows dropped at once
MAX_FIGURES = 1_000
NAN = math.nan
Point = tuple[float, float | None]


def _without_gaps(values: Iterable[float]) -> Iterator[float]:
    return (value for value in values if not math.isnan(value))


def value_or_none(value: float) -> float | None:
    return None if math.isnan(value) else value


def time_of_mean(minute: float, first: float) -> float:
    """Of the mean of a minute whose `first` row may be late in it: nothing is known before that."""
    return max(minute + MINUTE / 2, first)


@slotted
class Table:
    """Columns of equal length over shared times. At most `keep` rows, and TRIM more between two
    trims."""

    keep: int
    times: array[float] = field(default_factory=lambda: array("d"))
    known: array[float] = field(default_factory=lambda: array("d"))  # 0 in a sample, NaN in a gap
    columns: dict[str, array[float]] = field(default_factory=dict)

    def append(self, at: float, values: Mapping[str, float], gap: bool) -> None:
        """A row. A figure that is not in `values` did not move: 0, or NaN in a gap."""
        rest = NAN if gap else 0.0
        for name in values:
            if name not in self.columns and len(self.columns) < MAX_FIGURES:
                self.columns[name] = self.known[:]  # until now it had not moved
        self.times.append(at)
        self.known.append(rest)
        for name, column in self.columns.items():
            column.append(values.get(name, rest))
        if len(self.times) >= self.keep + TRIM:
            self._trim(len(self.times) - self.keep)

    def _trim(self, count: int) -> None:
        del self.times[:count], self.known[:count]
        for name, column in list(self.columns.items()):
            del column[:count]
            if not any(column):  # NaN is true: only a figure that was 0 all the time goes
                del self.columns[name]

    def column(self, name: str) -> array[float]:
        """A figure's values: 0 for a counter that never moved, NaN in a gap."""
        known = self.columns.get(name)
        return known if known is not None else self.known

    def points(self, name: str, since: float, until: float) -> Iterator[Point]:
        column = self.column(name)
        for index in range(bisect_left(self.times, since), len(self.times)):
            at, value = self.times[index], column[index]
            if at > until:
                return
            yield at, None if value != value else value


class History:
    """Rows at full rate, and the mean of each minute. Feed rows in order of time; those up to
    `known_until`, as of a recording's own figures, are there already."""

    COARSE_ROWS = int(COARSE_S / MINUTE)

    def __init__(self) -> None:
        self.known_until = 0.0
        self.fine = Table(FINE_ROWS)
        self.coarse = Table(self.COARSE_ROWS)
        self._sums: dict[str, float] = {}
        self._rows = 0
        self._minute = 0.0
        self._first = 0.0  # row of the minute

    @classmethod
    def of(cls, fine: Table, coarse: Table | None = None) -> History:
        """As it would be had those rows been fed: the minute of the last goes on; those before it
        are in `coarse`, or are made of the rows where there is none."""
        made = cls()
        made.fine, made.coarse = fine, coarse or made.coarse
        if fine.times:
            minute = fine.times[-1] - fine.times[-1] % MINUTE if coarse else 0.0
            for row in range(bisect_left(fine.times, minute), len(fine.times)):
                columns = fine.columns.items()
                values = {name: column[row] for name, column in columns if column[row]}
                made._sum_up(fine.times[row], values, fine.known[row] != 0)
        return made

    def add(self, at: float, values: Mapping[str, float], gap: bool = False) -> None:
        """`values` that are not 0; those that cannot be known may be NaN."""
        if at <= self.known_until:
            return
        self._sum_up(at, values, gap)
        self.fine.append(at, values, gap)

    def _sum_up(self, at: float, values: Mapping[str, float], gap: bool) -> None:
        minute = at - at % MINUTE
        if minute != self._minute:
            self._close()
            self._minute, self._first = minute, at
        if gap:
            return
        self._rows += 1
        for name, value in values.items():
            if value == value:
                self._sums[name] = self._sums.get(name, 0.0) + value

    def _close(self) -> None:
        if self._minute:
            means = {name: total / max(1, self._rows) for name, total in self._sums.items()}
            at = time_of_mean(self._minute, self._first)
            self.coarse.append(at, means, gap=not self._rows)
        self._sums, self._rows = {}, 0

    @property
    def apart(self) -> float:
        """Seconds between rows that follow each other: sockets are read more seldom than
        counters."""
        times = self.fine.times
        return 1.3 * (times[-1] - times[-2]) if len(times) > 1 else 0.0

    def names(self) -> list[str]:
        return list(dict.fromkeys((*self.fine.columns, *self.coarse.columns)))

    def points(self, name: str, since: float, until: float) -> list[Point]:
        """Values between two times: by the minute before the full rate begins."""
        begin = self.fine.times[0] if self.fine.times else until
        older = self.coarse.points(name, since, min(until, begin)) if since < begin else ()
        return [one for one in older if one[0] < begin] + list(self.fine.points(name, since, until))

    def current(self, name: str) -> float | None:
        column = self.fine.column(name)
        return value_or_none(column[-1]) if column else None

    def maximum(self, name: str, rows: int) -> float | None:
        """Of the last rows at full rate."""
        column = self.fine.column(name)
        return max(_without_gaps(column[-rows:]), default=None)

    @property
    def since(self) -> float | None:
        """The time of the oldest value."""
        first = [table.times[0] for table in (self.coarse, self.fine) if table.times]
        return min(first, default=None)
