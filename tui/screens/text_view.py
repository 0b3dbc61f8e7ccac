"""A text to read and scroll: a manifest, a Role, a message that is too long for its row."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll

from collectors.sanitize import sanitize
from tui.screens.dialog import ScrolledDialog, dialog_keys, dialog_title, scroll_keys
from tui.widgets.hanging_text import HangingText

LONGEST = 4000  # characters of a line


class Document(ScrolledDialog):
    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self.heading = title
        self.text = "\n".join(sanitize(line, LONGEST) for line in text.splitlines())
        self.copied = self.text

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide document"):
            yield dialog_title(self.heading)
            with VerticalScroll(can_focus=False):
                yield HangingText(self.text)
            yield dialog_keys(scroll_keys())
