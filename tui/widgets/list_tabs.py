"""The line between graphs and list: which list is shown, and how many rows each has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.message import Message
from textual.widget import Widget

from tui import format as fmt
from tui.keymap import KEYS

SHORT = {
    "packets": "pkt",
    "flows": "flow",
    "sockets": "sock",
    "counters": "ctr",
    "conntrack": "ct",
    "node": "cpu",
    "events": "evt",
}
Piece = tuple[str, str]  # a list's name, and what is written
# which lists have their whole name, and how counts are written, longest first
FORMS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("all", fmt.compact),
    ("all", fmt.rounded),
    ("shown", fmt.compact),
    ("shown", fmt.rounded),
    ("none", fmt.compact),
    ("none", fmt.rounded),
)


def _cells(pieces: Sequence[Piece]) -> int:
    return sum(len(piece) for _, piece in pieces)


def _short_name(name: str) -> str:
    return SHORT.get(name, name)


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

    def _pieces(self) -> list[Piece]:
        """Each list's name and its count, in the longest form that has room; where none has, the
        last lists are without a count."""
        pieces = [self._full(name) for name in self.names]
        for whole, count in FORMS:
            if _cells(pieces) <= self.size.width:
                return pieces
            pieces = [self._short(name, whole, count) for name in self.names]
        return self._without_counts(pieces)

    def _full(self, name: str) -> Piece:
        return name, f" {self._key(name)} {name} {self._state[1].get(name, '')} "

    def _short(self, name: str, whole: str, count: Callable[[str], str]) -> Piece:
        """`whole`: which lists have their whole name."""
        current, notes = self._state
        note = count(notes.get(name, "").rpartition("CPU ")[2].replace(" %", "%"))
        is_whole = whole == "all" or (whole == "shown" and name == current)
        shown = name if is_whole else _short_name(name)
        after = " " if name == current else ""
        return name, f" {self._key(name)} {shown} {note}".rstrip() + after

    def _without_counts(self, pieces: list[Piece]) -> list[Piece]:
        for place in reversed(range(len(pieces))):
            if _cells(pieces) <= self.size.width:
                break
            if (name := pieces[place][0]) != self._state[0]:
                pieces[place] = name, f" {self._key(name)} {_short_name(name)}"
        return pieces

    def _key(self, name: str) -> str:
        return key_of(self.names.index(name) + 1)

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
