"""A question before something is done: a title, what it means, and the keys."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from tui.screens.dialog import dialog_keys, dialog_title
from tui.screens.leaving import Dialog


class Confirm(Dialog[str | None]):
    """Ends with the key that was chosen, or None."""

    def __init__(self, title: str, text: str, choices: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self.heading = title
        self.text = text
        self.choices = tuple(choices)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield dialog_title(self.heading)
            yield Static(self.text, markup=False)
            yield dialog_keys(self._keys())

    def _keys(self) -> str:
        return "   ".join(f"{key}  {label}" for key, label in (*self.choices, ("n", "no")))

    def on_key(self, event: events.Key) -> None:
        event.stop()
        if event.key in ("n", "escape", "q"):
            self.dismiss(None)
        elif event.key in [key for key, _ in self.choices]:
            self.dismiss(event.key)
