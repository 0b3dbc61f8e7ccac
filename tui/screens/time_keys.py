"""The keys that move the graphs of a screen through time."""

from __future__ import annotations

from tui.screens.base import ConsoleScreen
from tui.time_view import TimeView


class TimeKeys(ConsoleScreen):
    """A screen with graphs: `time` is what they show, `oldest` the time of the first value."""

    time: TimeView

    def forget_drawn(self) -> None:
        """Graphs that were paused are at another time: they follow."""
        super().forget_drawn()
        self.time.until = None

    def oldest(self) -> float | None:
        raise NotImplementedError

    def action_move(self, steps: int) -> None:
        self.time.move(steps, self.oldest())
        self.pull()

    def action_stretch(self, by: int) -> None:
        self.time.stretch(by)
        self.pull()
