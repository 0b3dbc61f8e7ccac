"""What dialogs share. All keys are a dialog's: the app's own are off while one is open."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static


def dialog_title(text: str) -> Static:
    return Static(text, classes="dialog--title", markup=False)


def dialog_keys(text: str) -> Static:
    """The line at the bottom that says which keys there are."""
    return Static(text, classes="dialog--keys", markup=False)


class ScrolledDialog(ModalScreen[None]):
    """A page to read; esc, q or enter close it."""

    BINDINGS: ClassVar = [
        Binding("escape,q,enter", "dismiss", "back", priority=True),
        Binding("j,down", "scroll('down')", priority=True),
        Binding("k,up", "scroll('up')", priority=True),
        Binding("g,home", "scroll('home')", priority=True),
        Binding("G,end", "scroll('end')", priority=True),
        Binding("ctrl+f,pagedown,space", "scroll('page_down')", priority=True),
        Binding("ctrl+b,pageup", "scroll('page_up')", priority=True),
    ]

    def action_scroll(self, where: str) -> None:
        getattr(self.query_one(VerticalScroll), f"scroll_{where}")(animate=False)
