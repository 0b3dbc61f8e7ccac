"""The theme files as Textual's themes; Textual derives what a file leaves out."""

from __future__ import annotations

from functools import cache
from typing import Any

from textual.theme import Theme

import themes


@cache
def all_themes() -> list[Theme]:
    """The themes of the folder, the default first."""
    return [_theme(themes.load(themes.HERE / f"{name}.toml")) for name in themes.names()]


def _theme(read: themes.ThemeFile) -> Theme:
    colours: dict[str, Any] = dict(read.colours)
    return Theme(name=read.name, dark=read.dark, variables=read.variables, **colours)
