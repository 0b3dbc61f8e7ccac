"""The theme files as Textual's themes."""

from __future__ import annotations

from typing import Any

from textual.theme import Theme

from themes import ThemeFile


def as_textual(read: ThemeFile) -> Theme:
    """In Textual's menu a row is chosen while the text box has the keys: it looks the same."""
    colours: dict[str, Any] = dict(read.colours)
    chosen = {
        name.replace("block-cursor", "block-cursor-blurred"): colour
        for name, colour in read.variables.items()
        if name.startswith("block-cursor")
    }
    return Theme(name=read.name, dark=read.dark, variables={**read.variables, **chosen}, **colours)
