"""How the console looks on a terminal, and what it writes to it besides screens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

import themes
from collectors.frozen import frozen
from themes import ThemeFile


def bundled_themes() -> tuple[ThemeFile, ...]:
    return tuple(map(themes.bundled, themes.names()))


@frozen
class TerminalLook:
    """`theme` is the name of one of `available`. `notices` are said when the console is open."""

    theme: str = themes.DEFAULT
    available: tuple[ThemeFile, ...] = field(default_factory=bundled_themes)
    is_ascii: bool = False
    keymap: Mapping[str, str] = field(default_factory=dict)  # keys by the ids of actions
    mouse: bool = True
    title: bool = True
    bell: str = "off"  # or bell, notification
    notices: tuple[str, ...] = ()

    def theme_file(self, name: str) -> ThemeFile:
        return next((one for one in self.available if one.name == name), self.available[0])


def usual_theme(environment: Mapping[str, str]) -> str:
    """Where none is asked for: by NO_COLOR (https://no-color.org) and the terminal."""
    if environment.get("NO_COLOR"):
        return themes.PLAIN
    terminal = environment.get("TERM", "")
    has_16 = terminal == "linux" or terminal.endswith("-16color")
    return themes.SIXTEEN if has_16 else themes.DEFAULT
