"""One line of text that changes often: unlike a Static it never needs a new layout (a full
repaint)."""

from __future__ import annotations

from rich.text import Text
from textual.widget import Widget


class TextLine(Widget):
    def __init__(self, **options: str) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.text = ""

    def show(self, text: str, bad: bool = False) -> None:
        self.set_class(bad, "bad")
        if text != self.text:
            self.text = text
            self.refresh()

    def render(self) -> Text:
        """What does not fit is cut, and an ellipsis says so: Textual crops in silence."""
        text = Text(self.text, no_wrap=True)
        text.truncate(max(self.size.width, 1), overflow="ellipsis")
        return text
