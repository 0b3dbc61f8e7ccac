"""What is known of a pod over time, for its row in the cluster's list: its restarts while this
console ran, and what it retransmits while it is watched."""

from __future__ import annotations

from collections.abc import Callable

from collectors.events import PodRow
from session.store import Store
from session.targets import target_of
from tui import format as fmt
from tui.sparkline import CELLS, count_of_each, most_of_each, sparkline
from tui.widgets.columns import Cell

RESTARTS_S = 30 * 60.0  # that the bars of restarts are of
RETRANSMITS_S = 2 * 60.0


class PodSparklines:
    """Cells of rows. `now` is the present, or where a recording is."""

    def __init__(self, store: Store, now: Callable[[], float]) -> None:
        self._store = store
        self._now = now
        self._restarted: dict[str, list[float]] = {}
        self._known: tuple[int, int] | None = None

    @property
    def has_watched(self) -> bool:
        """Whether of any pod it is known what it retransmits."""
        targets = self._store.targets.items()
        return any(key.startswith("pod/") and data.history.fine.times for key, data in targets)

    def restarts(self, row: PodRow) -> Cell:
        number = str(row.restarts)
        if times := self._restarts_of(row):
            bars = count_of_each(times, self._now(), RESTARTS_S / CELLS)
            if any(bars):
                return f"{sparkline(bars)} {number}", "warn"
        return number, "warn" if row.restarts else "dim"

    def _restarts_of(self, row: PodRow) -> list[float]:
        timeline = self._store.timeline
        if self._known != (self._store.generation, timeline.revision):
            self._known = (self._store.generation, timeline.revision)
            self._restarted = {}
            for entry in timeline.entries:
                if entry.kind == "restart":
                    self._restarted.setdefault(entry.where, []).append(entry.at)
        return self._restarted.get(f"{row.namespace}/{row.name}", [])

    def retransmits(self, row: PodRow) -> Cell:
        """Segments/s, the largest of each quarter minute; nothing of a pod that is not watched."""
        data = self._store.targets.get(target_of(row).key)
        if data is None or not data.history.fine.times:
            return "", ""
        series, now = data.series("retransmits"), self._now()
        bars = most_of_each(series.points(now - RETRANSMITS_S, now), now, RETRANSMITS_S / CELLS)
        style = "warn" if any(bars) else "dim"
        return f"{sparkline(bars)} {fmt.rate(series.current)}", style
