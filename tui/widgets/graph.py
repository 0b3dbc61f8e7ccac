"""A live graph drawn with braille dots: axis, unit, current, maximum, threshold lines, visible gaps.

Time runs to the right and ends at `now`, `span` seconds a dot. A time without a value is a gap: drawn as ┊, never
bridged. The first series is an area, the second a line over it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import ClassVar

from rich.text import Text
from textual.widget import Widget

from collectors.frozen import frozen
from session.history import Point
from tui import format as fmt

BRIDGE_S = 2.6  # samples this far apart still belong together: a sampler's tick drifts
DOTS = (
    (0x01, 0x02, 0x04, 0x40),
    (0x08, 0x10, 0x20, 0x80),
)  # bits of the left and right column, top to bottom
AXIS = 8


@frozen
class GraphLine:
    """One series: `name` and `unit` for the legend."""

    name: str
    points: Sequence[Point]
    style: str
    apart: float = BRIDGE_S  # seconds between values that still belong together


@frozen
class GraphData:
    """Everything a graph draws. `limits` are (value, label) lines; `gauge` is a fill in per cent of a maximum."""

    title: str
    unit: str
    scope: str
    lines: tuple[GraphLine, ...] = ()
    figures: tuple[str, ...] = ()  # the most important first: the last go where room is short
    short: str = ""  # the title where room is short
    compact: tuple[str, ...] = ()  # and the figures
    limits: tuple[tuple[float, str], ...] = ()
    gauge: float | None = None
    gauge_note: str = ""
    now: float = 0.0
    span: float = 1.0  # seconds a dot
    live: bool = True  # whether `now` is the present
    empty: str = "waiting for the first sample"
    alarm: str = ""  # a style for the figures: warn or bad


def nice_ceiling(value: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * 0.999)


def columns(
    points: Iterable[Point], now: float, width: int, span: float = 1.0, apart: float = BRIDGE_S
) -> list[float | None]:
    """The largest value of each of the last `width` spans, oldest first; None where there is none."""
    values: list[float | None] = [None] * width
    apart = max(apart, 1.6 * span)
    before: tuple[float, float] | None = None
    for at, value in points:
        if value is None:
            before = None
            continue
        slot = width - 1 - int((now - at) / span)
        if before is not None and at - before[0] <= apart:
            for between in range(max(0, width - int((now - before[0]) / span)), min(slot, width)):
                values[between] = before[1]
        if 0 <= slot < width:
            old = values[slot]
            late = (
                span == 1.0 and before is not None and at - before[0] > 1
            )  # a tick that drifted into this second
            values[slot] = value if old is None or before is None or late else max(old, value)
        before = (at, value)
    return values


def gauge(fill: float, width: int = 20) -> list[tuple[str, str]]:
    """A bar from 0 to 100 % with marks at 75, 90 and 95 %, as (text, style name) pieces."""
    style = "bad" if fill >= 90 else "warn" if fill >= 75 else "good"
    filled = min(width, math.ceil(fill / 100 * width)) if fill > 0 else 0
    marks = {min(width - 1, round(mark / 100 * width) - 1) for mark in (75, 90, 95)}
    cells = [
        ("█", style) if cell < filled else ("┆", "limit") if cell in marks else ("·", "axis")
        for cell in range(width)
    ]
    pieces = [("▕", "axis"), *cells, ("▏", "axis")]
    return [
        ("".join(text for text, _ in run), name)
        for name, run in groupby(pieces, key=lambda piece: piece[1])
    ]


class Graph(Widget):
    """Draws a GraphData. `show` with an equal one draws nothing new."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "graph--title",
        "graph--axis",
        "graph--first",
        "graph--second",
        "graph--good",
        "graph--warn",
        "graph--bad",
        "graph--limit",
        "graph--gap",
    }

    def __init__(self, **options: str) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.data = GraphData("", "", "")

    def show(self, data: GraphData) -> None:
        if data != self.data:
            self.data = data
            self.refresh()

    def render(self) -> Text:
        width, height = self.size.width, self.size.height
        text = self._heading(width)
        if height > 2:
            text.append("\n")
            text.append(self._plot(width, height - 1))
        return text

    def _style(self, name: str) -> str:
        return str(self.get_component_rich_style(f"graph--{name}", partial=True))

    def _heading(self, width: int) -> Text:
        """Title, as many figures as fit, and always the scope."""
        data = self.data
        room = width - len(data.scope) - 1
        full = len(data.title) + 1 + len(" · ".join(data.figures))
        title, figures = data.title, list(data.figures)
        if full > room and data.compact:
            title, figures = data.short or title, list(data.compact)
        while len(figures) > 1 and len(title) + 1 + len(" · ".join(figures)) > room:
            figures.pop()
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(title, self._style("title"))
        text.append(f" {' · '.join(figures)}", self._style(data.alarm) if data.alarm else "")
        text.truncate(max(room, 1))
        text.append(" " * max(1, width - text.cell_len - len(data.scope)))
        return text.append(data.scope, self._style("axis"))

    def _gauge_row(self, width: int) -> Text:
        """The fill of the table from 0 to 100 %, with marks at 75, 90 and 95 %."""
        data = self.data
        note = f" {data.gauge_note}" if data.gauge_note else ""
        room = width - AXIS - len(note) - 2
        text = Text(f"{fmt.percent(data.gauge):>{AXIS - 1}}", self._style("axis"), no_wrap=True)
        for piece, name in gauge(data.gauge or 0.0, max(room, 10)):
            text.append(piece, self._style(name))
        return text.append(note, self._style("axis"))

    def _plot(self, width: int, height: int) -> Text:
        data = self.data
        cells = max(4, width - AXIS - 1)
        series = [
            columns(line.points, data.now, cells * 2, data.span, line.apart) for line in data.lines
        ]
        highest = max((v for row in series for v in row if v is not None), default=None)
        if highest is None:
            return Text(
                "\n" * (height // 2) + data.empty.center(width)[:width], self._style("axis")
            )
        top = nice_ceiling(highest)
        for limit, _ in data.limits:  # near a limit the scale shows it whole
            if highest >= limit * 0.5:
                top = max(top if top <= limit * 1.4 else limit, limit) * 1.0
        if data.limits and highest >= data.limits[0][0] * 0.5:
            top = max(limit for limit, _ in data.limits) / 0.95
        plot_height = height - 1 if height >= 5 or data.gauge is not None else height
        text = Text(no_wrap=True)
        levels = [_levels(row, top, plot_height * 4) for row in series]
        for row in range(plot_height):
            self._axis(text, row, plot_height, top)
            self._row(text, row, plot_height, top, levels, cells)
            if row < plot_height - 1 or plot_height < height:
                text.append("\n")
        if plot_height < height and data.gauge is not None:
            text.append(self._gauge_row(width))
        elif plot_height < height:
            text.append(f"{'0':>{AXIS - 1}} ", self._style("axis"))
            text.append(self._times(cells), self._style("axis" if data.live else "warn"))
        return text

    def _times(self, cells: int) -> str:
        """What the two ends of the time axis stand for."""
        end = "now" if self.data.live else fmt.clock(self.data.now)
        return (f"-{fmt.duration(cells * 2 * self.data.span)}".ljust(cells - len(end), "─") + end)[
            :cells
        ]

    def _axis(self, text: Text, row: int, height: int, top: float) -> None:
        label = fmt.count(top) if top >= 10 else f"{top:g}"
        if row == 0:
            text.append(f"{label:>{AXIS - 1}}▕", self._style("axis"))
        elif height >= 6 and row == height // 2:
            label = fmt.count(top / 2) if top >= 20 else f"{top / 2:g}"
            text.append(f"{label:>{AXIS - 1}}▕", self._style("axis"))
        else:
            text.append(f"{'':>{AXIS - 1}}▕", self._style("axis"))

    def _limit_labels(self, height: int, top: float) -> dict[int, str]:
        """The rows that threshold lines fall on, with their labels; lines in one row share it."""
        labels: dict[int, list[str]] = {}
        for limit, label in self.data.limits:
            if limit <= top:
                labels.setdefault(int((1 - limit / top) * height), []).append(label)
        return {row: f"{' '.join(names)} " for row, names in labels.items()}

    def _row(
        self, text: Text, row: int, height: int, top: float, series: list[list[int]], cells: int
    ) -> None:
        """`series` are the levels of each line (see `_levels`)."""
        limits = self._limit_labels(height, top)
        label = limits.get(row)
        base = (height - row - 1) * 4  # dots below this row
        begin = next((place for place, level in enumerate(series[0]) if level >= 0), len(series[0]))
        run: list[
            str
        ] = []  # cells of one style are one piece: each piece costs the terminal its colours anew
        running = ""

        def put(cell_text: str, name: str) -> None:
            nonlocal running
            if name != running and run:
                text.append("".join(run), self._style(running) if running else "")
                run.clear()
            running = name
            run.append(cell_text)

        for cell in range(cells):
            bits, style = 0, "first"
            for number, levels in enumerate(series):
                added = _dots(levels[cell * 2], levels[cell * 2 + 1], base, number == 0)
                if added and number:
                    style = "second"
                bits |= added
            if bits:
                put(chr(0x2800 + bits), style)
            elif label is not None:
                put(label[cell] if cell < len(label) else "╌", "limit")
            elif cell * 2 > begin and series[0][cell * 2] < 0 and series[0][cell * 2 + 1] < 0:
                put("┊", "gap")  # before the first value there is no gap, only no past
            else:
                put(" ", "")
        if run:
            text.append("".join(run), self._style(running) if running else "")


def _levels(values: list[float | None], top: float, total: int) -> list[int]:
    """How many of `total` dots high each value is; -1 where there is none. What is not 0 is seen."""
    return [
        -1 if value is None else 0 if value <= 0 else max(1, min(total, round(value / top * total)))
        for value in values
    ]


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
