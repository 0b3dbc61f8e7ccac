"""Graphs of a report as SVG without any text: labels stand in the HTML beside them, so that they
are as readable on a phone as they are on paper. Pure: numbers in, numbers out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from collectors.frozen import frozen
from diagnosis.incident.model import ReportGraph

WIDTH, HEIGHT = 600, 120
BAND, ROW = 600, 10
Points = Sequence[tuple[float, float | None]]


@frozen
class TimeSpan:
    """The time that a picture shows."""

    began: float
    ended: float

    def x(self, at: float, width: int = WIDTH) -> float:
        seconds = max(self.ended - self.began, 1e-9)
        return round(min(1.0, max(0.0, (at - self.began) / seconds)) * width, 1)


@frozen
class Bar:
    """From `since` to `until` in a band; `style` is the class of its colour."""

    since: float
    until: float
    style: str
    row: int = 0


def graph(figure: ReportGraph, shown: TimeSpan, held: tuple[float, float] | None) -> str:
    """A figure over time; `held` is when the finding did."""
    top = figure.highest or 1.0
    shade = _rectangle(shown, held) if held is not None else ""
    lines = "".join(_line(piece, shown, top) for piece in pieces(figure.points))
    return (
        f'<svg class="graph" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" '
        f'aria-hidden="true">{shade}<path class="grid" d="M0 {HEIGHT / 2}H{WIDTH}"/>{lines}</svg>'
    )


def _rectangle(shown: TimeSpan, held: tuple[float, float]) -> str:
    left, right = (shown.x(at) for at in held)
    width = max(1.0, right - left)
    return f'<rect class="held" x="{left}" y="0" width="{width:.1f}" height="{HEIGHT}"/>'


def pieces(points: Points) -> Iterator[list[tuple[float, float]]]:
    """What is between gaps."""
    piece: list[tuple[float, float]] = []
    for at, value in points:
        if value is not None:
            piece.append((at, value))
        elif piece:
            yield piece
            piece = []
    if piece:
        yield piece


def _line(piece: list[tuple[float, float]], shown: TimeSpan, top: float) -> str:
    places = [(shown.x(at), round(HEIGHT - value / top * (HEIGHT - 4), 1)) for at, value in piece]
    line = " ".join(f"{x},{y}" for x, y in places)
    area = f"{places[0][0]},{HEIGHT} {line} {places[-1][0]},{HEIGHT}"
    return f'<polygon class="area" points="{area}"/><polyline class="line" points="{line}"/>'


def band(bars: Iterable[Bar], ticks: Iterable[tuple[float, str]], shown: TimeSpan) -> str:
    """Bars under each other, and ticks over all of them."""
    placed = list(bars)
    height = (max((bar.row for bar in placed), default=0) + 1) * ROW
    drawn = "".join(_bar(bar, shown) for bar in placed)
    lines = "".join(
        f'<path class="tick {style}" d="M{shown.x(at, BAND)} 0V{height}"/>' for at, style in ticks
    )
    return (
        f'<svg class="band" viewBox="0 0 {BAND} {height}" preserveAspectRatio="none" '
        f'height="{height}" aria-hidden="true">{drawn}{lines}</svg>'
    )


def _bar(bar: Bar, shown: TimeSpan) -> str:
    left, right = shown.x(bar.since, BAND), shown.x(bar.until, BAND)
    y, width = bar.row * ROW + 1, max(2.0, right - left)
    return (
        f'<rect class="bar {bar.style}" x="{left}" y="{y}" width="{width:.1f}" height="{ROW - 2}"/>'
    )
