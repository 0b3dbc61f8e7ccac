"""A note for a mark on the timeline."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.events import Key
from textual.widgets import Input, Static

from collectors.sanitize import visible
from session.share.person import NOTE_KEPT
from tui.screens.dialog import dialog_keys, dialog_title
from tui.screens.leaving import Dialog

FIRST_INVISIBLE = "\xa0"  # those before it are keys


class NoteInput(Input):
    """An invisible character that is typed becomes a visible one, as one that is pasted does."""

    async def _on_key(self, event: Key) -> None:
        typed = event.character or ""
        if typed >= FIRST_INVISIBLE and (shown := visible(typed)) != typed:
            event.stop()
            event.prevent_default()
            self.insert_text_at_cursor(shown)


def room_text(left: int) -> str:
    if left == 0:
        return f"no room for more: a note has {NOTE_KEPT} characters at most, the rest is cut"
    return f"{left} of {NOTE_KEPT} characters left"


class MarkNote(Dialog[str | None]):
    """Ends with the note, which may be empty, or None."""

    BINDINGS: ClassVar = [Binding("escape", "dismiss", "back")]

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield dialog_title("Mark this moment")
            yield NoteInput(
                placeholder="a note, for whoever reads this later", max_length=NOTE_KEPT
            )
            yield Static(room_text(NOTE_KEPT), id="room", markup=False)
            yield dialog_keys("enter  set it   esc  back")

    def on_mount(self) -> None:
        self.query_one(Input).cursor_blink = False

    def on_input_changed(self, event: Input.Changed) -> None:
        self.query_one("#room", Static).update(room_text(max(0, NOTE_KEPT - len(event.value))))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value)
