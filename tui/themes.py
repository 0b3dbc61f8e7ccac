"""The theme files as Textual's themes."""

from __future__ import annotations

from typing import Any

from textual.theme import Theme

from themes import ThemeFile

OVER = " 70%"  # how much of what is behind a dialog is covered


def as_textual(read: ThemeFile) -> Theme:
    """In Textual's menu a row is chosen while the text box has the keys: it looks the same. Where
    nothing can be drawn paler, there is nothing behind a dialog."""
    colours: dict[str, Any] = dict(read.colours)
    chosen = {
        name.replace("block-cursor", "block-cursor-blurred"): colour
        for name, colour in read.variables.items()
        if name.startswith("block-cursor")
    }
    over = colours["background"] + (OVER if read.palette == "full" else "")
    variables = {**read.variables, **chosen, "over": over}
    return Theme(name=read.name, dark=read.dark, variables=variables, **colours)
