"""The theme files as Textual's themes."""

from __future__ import annotations

from typing import Any

from textual.theme import Theme

from themes import ThemeFile


def as_textual(read: ThemeFile) -> Theme:
    colours: dict[str, Any] = dict(read.colours)
    return Theme(name=read.name, dark=read.dark, variables=read.variables, **colours)
