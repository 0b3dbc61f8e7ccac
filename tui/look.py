"""How the console looks on a terminal, and what it writes to it besides screens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

import themes
from collectors.frozen import frozen
from themes import ThemeFile


@frozen
class TerminalLook:
    """`theme` is one of `names`. `own` are those that are not podwire's as they are: a file of the
    user's, or other colours. `notices` are said when the console is open."""

    theme: str = themes.DEFAULT
    names: tuple[str, ...] = field(default_factory=themes.names)
    own: Mapping[str, ThemeFile] = field(default_factory=dict)
    is_ascii: bool = False
    keymap: Mapping[str, str] = field(default_factory=dict)  # keys by the ids of actions
    mouse: bool = True
    title: bool = True
    bell: str = "off"  # or bell, notification
    notices: tuple[str, ...] = ()

    def theme_file(self, name: str) -> ThemeFile:
        """Read when it is shown: the first frame waits for that of one."""
        return self.own.get(name) or themes.bundled(name)


def usual_theme(environment: Mapping[str, str]) -> str:
    """Where none is asked for: by NO_COLOR (https://no-color.org) and the terminal."""
    if environment.get("NO_COLOR"):
        return themes.PLAIN
    terminal = environment.get("TERM", "")
    has_16 = terminal == "linux" or terminal.endswith("-16color")
    return themes.SIXTEEN if has_16 else themes.DEFAULT
