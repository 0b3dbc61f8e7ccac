"""The line between graphs and list: which list is shown, and how many rows each has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.message import Message
from textual.widget import Widget

from tui import format as fmt
from tui.keymap import KEYS

SHORT = {
    "packets": "pkts",
    "flows": "flow",
    "sockets": "sock",
    "counters": "ctr",
    "conntrack": "ct",
    "events": "evt",
}


def _cells(pieces: Sequence[tuple[str, str]]) -> int:
    return sum(len(piece) for _, piece in pieces)


def _short(number: str, name: str, note: str, is_current: bool) -> str:
    """The list that is shown has its whole name."""
    note = fmt.compact(note.rpartition("CPU ")[2].replace(" %", "%"))
    if is_current:
        return f"{number}{name} {note}".rstrip() + " "
    return f"{number}{SHORT.get(name, name)} {note}".rstrip()


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
        """Each list's name and its count, in the longest form that has room; where none has, the
        last lists are without a count."""
        current, notes = self._state
        numbered = [(key_of(number), name) for number, name in enumerate(self.names, 1)]
        full = [(name, f" {number} {name} {notes.get(name, '')} ") for number, name in numbered]
        if _cells(full) <= self.size.width:
            return full
        for gap in (" ", ""):
            short = [
                (name, _short(f" {number}{gap}", name, notes.get(name, ""), name == current))
                for number, name in numbered
            ]
            if _cells(short) <= self.size.width:
                return short
        return self._without_counts(short)

    def _without_counts(self, pieces: list[tuple[str, str]]) -> list[tuple[str, str]]:
        for place in reversed(range(len(pieces))):
            name = pieces[place][0]
            if name != self._state[0]:
                pieces[place] = name, f" {key_of(place + 1)}{SHORT.get(name, name)}"
            if _cells(pieces) <= self.size.width:
                break
        return pieces

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


def key_of(number: int) -> str:
    """The key that shows a list, by its place."""
    return KEYS.fill(f"{{target.tab({number})}}")
