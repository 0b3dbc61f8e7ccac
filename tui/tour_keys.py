"""A tour on the console: one quiet line over the footer of whichever screen is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual import events
from textual.app import App
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Input

from tui.screens.base import ConsoleScreen
from tui.terminal_keys import LEAST_COLUMNS, LEAST_ROWS
from tui.widgets.text_line import TextLine

if TYPE_CHECKING:
    from tui.tour import Tour

FOLLOW_S = 0.2  # a screen that was opened has the line that late
SAID_S = 4.0  # it lies over the tour
NARROW, LOW = 80, 24  # columns and rows, from which on nothing is cut


class TourLine(TextLine):
    """What the next key does; on two lines where the terminal is narrow."""

    def show_step(self, tour: Tour, width: int) -> None:
        narrow = width < NARROW
        self.set_class(narrow, "narrow")
        self.show(tour.short_text if narrow else tour.text)

    def render(self) -> Text:
        return Text(self.text) if self.has_class("narrow") else super().render()


class TourKeys(App[int]):
    tour: Tour | None = None
    _tour_timer: Timer | None = None

    def begin_tour(self) -> None:
        from tui.tour import Tour  # few consoles begin one

        self.tour = Tour()
        self._tour_timer = self.set_interval(FOLLOW_S, self._show_tour)
        columns, rows = self.size
        is_too_small = columns < LEAST_COLUMNS or rows < LEAST_ROWS  # which is said anyway
        if (columns < NARROW or rows < LOW) and not is_too_small:
            text = f"{columns} x {rows} is small: {NARROW} x {LOW} shows all."
            self.notify(text, severity="warning", timeout=SAID_S, markup=False)

    def tour_has(self, key: events.Key) -> bool:
        """Note a key; whether it is the tour's alone: esc, where no dialog or text box has it."""
        if self.tour is None or self._is_elsewhere():
            return False
        if key.key == "escape":
            self._end_tour()
            return True
        if self.tour.pressed(key.key):
            self.call_after_refresh(self._show_tour)
        return False

    def _is_elsewhere(self) -> bool:
        return isinstance(self.screen, ModalScreen) or isinstance(self.focused, Input)

    def _end_tour(self) -> None:
        if self._tour_timer is not None:
            self._tour_timer.stop()
        self.tour = None
        for screen in self.screen_stack:
            screen.query(TourLine).remove()

    def _show_tour(self) -> None:
        """The line of the screen on top; it goes with the last step."""
        if self.tour is None:
            return
        if self.tour.is_over:
            self._end_tour()
            return
        if not isinstance(self.screen, ConsoleScreen) or not self.screen.is_mounted:
            return
        lines = self.screen.query(TourLine)
        if not lines:
            self.screen.mount(TourLine())
            self.call_after_refresh(self._show_tour)
        for line in lines:
            line.show_step(self.tour, self.size.width)
