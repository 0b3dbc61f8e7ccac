"""What the theme files are for Textual."""

from __future__ import annotations

import themes
from tui.themes import as_textual


def test_what_is_behind_a_dialog_is_paler_or_not_there() -> None:
    """A row in reverse would be seen before the dialog."""
    for name in themes.names():
        theme = themes.bundled(name)
        over = as_textual(theme).variables["over"]
        background = theme.colours["background"]
        assert over == (f"{background} 70%" if theme.palette == "full" else background)
