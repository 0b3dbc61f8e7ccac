"""Which time the graphs of a screen show: live, or paused at some time in the past."""

from __future__ import annotations

from typing import Any

from collectors.frozen import slotted
from session.history import MINUTE
from session.target_data import Series
from tui import format as fmt
from tui.keymap import KEYS
from tui.widgets.graph_plot import BRIDGE_S, GraphLine

SPANS = (1.0, 5.0, 15.0, 60.0, 300.0)  # seconds per dot
STEP = 60  # dots that one key goes back or forward
DOTS = 500  # more than a screen is wide


@slotted
class TimeView:
    """`now` is the right edge while live, `until` while paused."""

    now: float = 0.0
    until: float | None = None
    zoom: int = 0

    @property
    def span(self) -> float:
        return SPANS[self.zoom]

    @property
    def right(self) -> float:
        return (
            float(int(self.now)) if self.until is None else self.until
        )  # a graph is drawn once a second

    @property
    def edge(self) -> dict[str, Any]:
        """The fields of a graph that say which time it shows."""
        return {"now": self.right, "span": self.span, "live": self.until is None}

    def move(self, steps: int, oldest: float | None) -> None:
        """Back (negative) or forward; past the present it is live again."""
        wanted = self.right + steps * STEP * self.span
        first = self.now if oldest is None else min(oldest + STEP * self.span, self.now)
        self.until = None if wanted >= self.now else max(wanted, first)

    def stretch(self, by: int) -> None:
        self.zoom = max(0, min(len(SPANS) - 1, self.zoom + by))

    def hold(self, still: bool) -> None:
        self.until = self.right if still else None

    def line(self, series: Series, style: str) -> GraphLine:
        since = self.right - DOTS * self.span
        points = series.points(since, self.right)
        begin = series.history.fine.times[0] if series.history.fine.times else since
        apart = (
            max(BRIDGE_S, 1.5 * MINUTE) if since < begin else max(BRIDGE_S, series.history.apart)
        )
        return GraphLine(series.name, tuple(points), style, apart)


def time_status(view: TimeView, oldest: float | None) -> str:
    """Which time is shown, and how far back there is data."""
    kept = (
        f"data since {fmt.clock(oldest, beside=view.now)}" if oldest is not None else "no data yet"
    )
    dot = f"{fmt.duration(view.span)} per dot"
    if view.until is None:
        keys = KEYS.fill("{time.move(-1)} back, {time.stretch(-1)}/{time.stretch(1)} zoom")
        return f"latest · {dot} · {keys} · {kept}"
    seconds = view.now - view.until
    ago = f" ({fmt.duration(seconds)} ago)" if seconds >= 1 else ""
    return f"paused at {fmt.clock(view.until, beside=view.now)}{ago} · {dot} · {kept}"
