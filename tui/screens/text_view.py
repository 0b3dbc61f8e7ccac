"""A text to read and scroll: a manifest, a Role, a message that is too long for its row."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from collectors.sanitize import sanitize

LONGEST = 4000  # characters of a line


class Document(ModalScreen[None]):
    BINDINGS: ClassVar = [
        Binding("escape,q,enter", "dismiss", "back", priority=True),
        Binding("j,down", "scroll('down')", priority=True),
        Binding("k,up", "scroll('up')", priority=True),
        Binding("ctrl+f,pagedown,space", "scroll('page_down')", priority=True),
        Binding("ctrl+b,pageup", "scroll('page_up')", priority=True),
    ]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self.heading = title
        self.text = "\n".join(sanitize(line, LONGEST) for line in text.splitlines())

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide document"):
            yield Static(self.heading, classes="dialog--title", markup=False)
            with VerticalScroll(can_focus=False):
                yield Static(self.text, markup=False)
            yield Static("esc  back   j k  scroll", classes="dialog--keys", markup=False)

    def action_scroll(self, where: str) -> None:
        getattr(self.query_one(VerticalScroll), f"scroll_{where}")(animate=False)
