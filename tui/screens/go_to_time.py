"""A time of the recording to go to."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.widgets import Input, Static

from session.wall_clock import wall_date
from tui import format as fmt
from tui.screens.dialog import dialog_keys, dialog_title
from tui.screens.leaving import Dialog

LONGEST = 40  # characters
FORMS = "14:03  14:03:20  2026-11-27T14:03  +90  -5m"


class GoToTime(Dialog[str | None]):
    """Ends with what was typed, or None."""

    BINDINGS: ClassVar = [Binding("escape", "dismiss", "back")]

    def __init__(self, began: float, ended: float) -> None:
        super().__init__()
        last = fmt.clock(ended, beside=began)
        self._span = f"recorded from {wall_date(began)} {fmt.clock(began)} to {last}"

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield dialog_title("Go to a time")
            yield Static(self._span, markup=False)
            yield Input(placeholder=FORMS, max_length=LONGEST)
            yield dialog_keys("enter  go there   esc  back")

    def on_mount(self) -> None:
        self.query_one(Input).cursor_blink = False

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip() or None)
