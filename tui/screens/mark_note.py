"""A note for a mark on the timeline."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from tui.screens.dialog import dialog_keys, dialog_title

LONGEST = 300  # characters


class MarkNote(ModalScreen[str | None]):
    """Ends with the note, which may be empty, or None."""

    BINDINGS: ClassVar = [Binding("escape", "dismiss", "back", priority=True)]

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield dialog_title("Mark this moment")
            yield Input(placeholder="a note, for whoever reads this later", max_length=LONGEST)
            yield dialog_keys("enter  set it   esc  back")

    def on_mount(self) -> None:
        self.query_one(Input).cursor_blink = False

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value)
