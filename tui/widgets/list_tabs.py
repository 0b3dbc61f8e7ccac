"""The line between graphs and list: which list is shown, and how many rows each has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.message import Message
from textual.widget import Widget


class TabBar(Widget):
    COMPONENT_CLASSES: ClassVar[set[str]] = {"tabs--on", "tabs--off"}

    class ListChosen(Message):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, names: Sequence[str], **options: str) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self.names = tuple(names)
        self._state: tuple[str, dict[str, str]] = ("", {})

    def show(self, current: str, notes: dict[str, str]) -> None:
        if self._state != (current, notes):
            self._state = (current, notes)
            self.refresh()

    def _pieces(self) -> list[tuple[str, str]]:
        """Each list's name and its count; on a narrow screen only the shown list has one, where it
        has room."""
        current, notes = self._state
        full = [
            (name, f" {number} {name} {notes.get(name, '')} ")
            for number, name in enumerate(self.names, 1)
        ]
        if sum(len(piece) for _, piece in full) <= self.size.width:
            return full
        short = [(name, f" {number} {name}") for number, name in enumerate(self.names, 1)]
        one = [full[n] if name == current else short[n] for n, name in enumerate(self.names)]
        return one if sum(len(piece) for _, piece in one) <= self.size.width else short

    def render(self) -> Text:
        text = Text(no_wrap=True)
        for name, piece in self._pieces():
            kind = "on" if name == self._state[0] else "off"
            text.append(piece, str(self.get_component_rich_style(f"tabs--{kind}", partial=True)))
        return text

    def on_click(self, event: events.Click) -> None:
        start = 0
        for name, piece in self._pieces():
            if start <= event.x < start + len(piece):
                self.post_message(self.ListChosen(name))
                return
            start += len(piece)
