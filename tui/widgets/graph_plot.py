"""What a graph draws, as text in named styles: braille dots, axis, thresholds, gaps, gauge.

Time runs to the right, `span` seconds per dot, and ends at `now`. What was watched for less than
the width begins at the left edge and grows. A time without a value is a gap: drawn as ┊, never
bridged. The first series is an area, the second a line over it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from collectors.frozen import frozen
from session.history import Point
from tui import format as fmt

BRIDGE_S = 2.6  # samples this far apart still belong together: a sampler's tick drifts
DOTS = (
    (0x01, 0x02, 0x04, 0x40),
    (0x08, 0x10, 0x20, 0x80),
)  # bits of the left and right column, top to bottom
AXIS = 8  # cells
CEILINGS = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)  # times a power of ten: what the axis ends at
BLANK = 0x2800
EMPTY = " ╌"  # where text may be written: nothing, and the line of a threshold
Piece = tuple[str, str]  # text, and the name of its style: first, second, axis, limit, gap, …


@frozen
class GraphLine:
    """One series: `name` and `unit` for the legend."""

    name: str
    points: Sequence[Point]
    style: str
    apart: float = BRIDGE_S  # seconds between values that still belong together


@frozen
class GraphData:
    """Everything a graph draws. `limits` are (value, label) lines; `rule` is a threshold of
    something else than the figure drawn, as text; `gauge` is a fill, % of a maximum, with ticks at
    `gauge_ticks`; its colour is that of `alarm`."""

    title: str
    unit: str
    scope: str
    lines: tuple[GraphLine, ...] = ()
    figures: tuple[str, ...] = ()  # the most important first: the last go where room is short
    short: str = ""  # the title where room is short
    compact: tuple[str, ...] = ()  # and the figures
    limits: tuple[tuple[float, str], ...] = ()
    rule: str = ""
    gauge: float | None = None
    gauge_ticks: tuple[float, ...] = ()
    gauge_note: str = ""
    now: float = 0.0
    span: float = 1.0  # seconds per dot
    live: bool = True  # whether `now` is the present
    empty: str = "waiting for the first sample"
    alarm: str = ""  # a style for the figures: warn or bad


# --- values to columns of dots


def columns(
    points: Iterable[Point], now: float, width: int, span: float = 1.0, apart: float = BRIDGE_S
) -> list[float | None]:
    """The largest value of each of the last `width` spans, oldest first; None where there is
    none."""
    values: list[float | None] = [None] * width
    apart = max(apart, 1.6 * span)
    before: tuple[float, float] | None = None
    for at, value in points:
        if value is None:
            before = None
            continue
        slot = width - 1 - int((now - at) / span)
        late = False
        if before is not None:
            late = span == 1.0 and at - before[0] > 1  # a tick that drifted into this second
            if at - before[0] <= apart:
                _bridge(values, width - int((now - before[0]) / span), slot, before[1])
        if 0 <= slot < width:
            old = values[slot]
            keep = old is not None and before is not None and not late
            values[slot] = max(old, value) if keep and old is not None else value
        before = (at, value)
    return values


def _bridge(values: list[float | None], begin: int, end: int, value: float) -> None:
    """Hold a value up to the next one."""
    for between in range(max(0, begin), min(end, len(values))):
        values[between] = value


def nice_ceiling(value: float) -> float:
    """The next round number: a steady value fills at least two thirds of the height."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in CEILINGS if step * power >= value * 0.999)


def scale(highest: float, limits: Sequence[tuple[float, str]]) -> float:
    """The value at the top: a round one; near the lowest threshold all of them are in view."""
    if limits and highest >= limits[0][0] * 0.5:
        return max(limit for limit, _ in limits) / 0.95
    return nice_ceiling(highest)


def levels(values: list[float | None], top: float, total: int) -> list[int]:
    """How many of `total` dots high each value is; -1 where there is none. What is not 0 is
    visible."""
    per = total / top
    found = []
    for value in values:
        if value is None:
            found.append(-1)
        elif value <= 0:
            found.append(0)
        else:
            found.append(max(1, min(total, round(value * per))))
    return found


# Bits of so many dots from the bottom, and of the topmost of them alone, by side of the cell
_AREA = tuple(tuple(sum(side[4 - count :]) for count in range(5)) for side in DOTS)
_POINT = tuple((0, *(side[4 - count] for count in range(1, 5))) for side in DOTS)


def _dots(left: int, right: int, base: int, area: bool) -> int:
    """Braille bits of one cell whose lowest dot is `base` dots above the axis."""
    bits = 0
    for side, level in ((0, left), (1, right)):
        if area and level >= 0:
            bits |= _AREA[side][max(0, min(4, max(level, 1) - base))]
        elif 0 < level - base <= 4:
            bits |= _POINT[side][level - base]
    return bits


@lru_cache(16_384)  # graphs have few heights, and most values were seen before
def _column(left: int, right: int, height: int, area: bool) -> tuple[int, ...]:
    """Braille bits of the cells above each other at two columns of dots, the top first."""
    return tuple(_dots(left, right, base, area) for base in range(4 * height - 4, -1, -4))


def _columns(values: list[int], height: int, area: bool) -> list[tuple[int, ...]]:
    pairs = zip(values[::2], values[1::2], strict=True)
    return [_column(left, right, height, area) for left, right in pairs]


# --- rows of pieces


def runs(cells: Iterable[Piece]) -> list[Piece]:
    """Neighbours of one style as one piece: each piece costs the terminal its colours. A blank is
    of the style before it."""
    joined: list[Piece] = []
    texts: list[str] = []
    style = ""
    for text, name in cells:
        if name != style and name:
            if texts and style:
                joined.append(("".join(texts), style))
                texts.clear()
            style = name
        texts.append(text)
    return [*joined, ("".join(texts), style)] if texts else joined


class Plot:
    """The series of a graph in `cells` x `height` cells; `highest` is None where nothing is
    known. `dots` are those up to `now`: fewer than there is room for while a graph is young."""

    def __init__(self, data: GraphData, cells: int) -> None:
        self.data = data
        self.cells = cells
        series = [
            columns(line.points, data.now, cells * 2, data.span, line.apart) for line in data.lines
        ]
        past = min(map(_without_past, series), default=0)
        past = past if past < cells * 2 else 0
        self.dots = cells * 2 - past
        self._series = [[*values[past:], *[None] * past] for values in series]
        known = [value for row in self._series for value in row if value is not None]
        self.highest = max(known, default=None)
        self.top = scale(self.highest or 0.0, data.limits)

    def rows(self, height: int) -> Iterator[list[Piece]]:
        series = [levels(values, self.top, height * 4) for values in self._series]
        drawn = [zip(*_columns(one, height, not n), strict=True) for n, one in enumerate(series)]
        gaps = list(self._gaps(series[0]))
        labels, texts = self._limit_labels(height), self._texts(height)
        for row, bits in enumerate(zip(*drawn, strict=True)):
            cells = list(_row(bits, gaps, row in labels))
            for text, style in (*labels.get(row, ()), *texts.get(row, ())):
                cells = written(cells, text, style)
            yield [self._axis(row, height), *runs(cells)]

    def _gaps(self, first: list[int]) -> Iterator[bool]:
        """Which cells are of a time without a value: before the first there is no past."""
        begin = next((place for place, level in enumerate(first) if level >= 0), len(first))
        for left in range(0, 2 * self.cells, 2):
            yield begin < left < self.dots and first[left] < 0 and first[left + 1] < 0

    def _axis(self, row: int, height: int) -> Piece:
        label = ""
        if self.highest:
            if row == 0:
                label = _axis_label(self.top)
            elif height >= 6 and row == height // 2:
                label = _axis_label(self.top / 2)
        return f"{label:>{AXIS - 1}}▕", "axis"

    def _limit_labels(self, height: int) -> dict[int, list[Piece]]:
        """The rows that threshold lines fall on, with their labels; lines in one row share it."""
        labels: dict[int, list[str]] = {}
        for limit, label in self.data.limits:
            if limit <= self.top:
                labels.setdefault(int((1 - limit / self.top) * height), []).append(label)
        return {row: [(" ".join(names), "limit")] for row, names in labels.items()}

    def _texts(self, height: int) -> dict[int, list[Piece]]:
        """What is written into the plot, by its row: the threshold that is not in view, and what a
        flat line at 0 is."""
        texts: dict[int, list[Piece]] = {}
        above = next((one for one in self.data.limits if one[0] > self.top), None)
        rule = self._out_of_view(*above) if above else self.data.rule
        if rule and height > 1:
            texts[0] = [(rule, "limit")]
        if self.highest == 0 and height > 2:
            texts[height // 2] = [(f"0 {self.data.unit} {self._how_long()}", "axis")]
        return texts

    def _out_of_view(self, limit: float, label: str) -> str:
        return f"↑ {label} is {fmt.count(limit)} {self.data.unit}"

    def _how_long(self) -> str:
        if None in self._series[0][: self.dots]:
            return "where it is known"
        return f"for {fmt.duration(self.dots * self.data.span)}"

    def times(self) -> list[Piece]:
        """The time axis: how far back it goes, where the present is, and what is to come."""
        data = self.data
        end = "now" if data.live else fmt.clock(data.now)
        begin = f"-{fmt.duration(self.dots * data.span)}"
        length = max(-(-self.dots // 2), len(begin) + 1 + len(end))
        line = begin.ljust(length - len(end), "─") + end
        return [
            (f"{'0':>{AXIS - 1}} ", "axis"),
            (line.ljust(self.cells, "┈")[: self.cells], "axis" if data.live else "warn"),
        ]


def _row(
    series: Sequence[tuple[int, ...]], gaps: Sequence[bool], on_limit: bool
) -> Iterator[Piece]:
    """The cells of one row, of the bits of each series."""
    for cell, bits in enumerate(series[0]):
        style = "first"
        for other in series[1:]:
            if other[cell]:
                bits, style = bits | other[cell], "second"
        if bits:
            yield chr(BLANK + bits), style
        elif on_limit:
            yield "╌", "limit"
        elif gaps[cell]:
            yield "┊", "gap"
        else:
            yield " ", ""


def _without_past(values: Sequence[float | None]) -> int:
    """How many columns there are before the first value; all of them where there is none."""
    return next((place for place, value in enumerate(values) if value is not None), len(values))


def written(cells: list[Piece], text: str, style: str) -> list[Piece]:
    """Text on the left of a row, or on its right, where nothing is drawn; else not at all."""
    last = len(cells) - len(text)
    for start in (1, last - 1):
        around = cells[start - 1 : start + len(text) + 1]
        if start > 0 and all(cell in EMPTY for cell, _ in around):
            letters = [(letter, style) for letter in f" {text} "]
            return [*cells[: start - 1], *letters, *cells[start + len(text) + 1 :]]
    return cells


def _axis_label(value: float) -> str:
    return fmt.count(value) if value >= 1_000 else f"{value:g}"


# --- the gauge


def gauge(data: GraphData, width: int) -> list[Piece]:
    """A bar from 0 to 100 % with its ticks."""
    fill, style = data.gauge or 0.0, data.alarm or "good"
    filled = min(width, math.ceil(fill / 100 * width)) if fill > 0 else 0
    ticks = {min(width - 1, round(tick / 100 * width) - 1) for tick in data.gauge_ticks}

    def cell(place: int) -> Piece:
        if place < filled:
            return "█", style
        return ("┆", "limit") if place in ticks else ("·", "axis")

    return runs([("▕", "axis"), *map(cell, range(width)), ("▏", "axis")])


def gauge_row(data: GraphData, width: int) -> list[Piece]:
    """The fill of a table from 0 to 100 %, its figure on the left and a note on the right."""
    note = f" {data.gauge_note}" if data.gauge_note else ""
    room = width - AXIS - len(note) - 2
    figure = f"{fmt.percent(data.gauge):>{AXIS - 1}}"
    return [(figure, "axis"), *gauge(data, max(room, 10)), (note, "axis")]
