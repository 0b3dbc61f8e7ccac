"""What dialogs share. All keys are a dialog's: the app's own are off while one is open."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.containers import VerticalScroll
from textual.widgets import Static

from tui.actions import bindings
from tui.keymap import KEYS
from tui.screens.leaving import Dialog

if TYPE_CHECKING:
    from tui.terminal_keys import TerminalKeys


def dialog_title(text: str) -> Static:
    return Static(text, classes="dialog--title", markup=False)


def dialog_keys(text: str) -> Static:
    """The line at the bottom that says which keys there are."""
    return Static(text, classes="dialog--keys", markup=False)


def scroll_keys() -> str:
    """Those of a page, for its bottom line."""
    scroll = "{dialog.scroll('down')} {dialog.scroll('up')}  scroll"
    return KEYS.fill(f"{{dialog.dismiss}}  back   {scroll}   {{dialog.copy}}  copy")


class ScrolledDialog(Dialog[None]):
    """A page to read; esc, q or enter close it."""

    BINDINGS = bindings("dialog")

    copied = ""  # the page as text; '' where it has none

    def action_copy(self) -> None:
        text = self.get_selected_text() or self.copied
        cast("TerminalKeys", self.app).copy_text(text)

    def action_scroll(self, where: str) -> None:
        getattr(self.query_one(VerticalScroll), f"scroll_{where}")(animate=False)
