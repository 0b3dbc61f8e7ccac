"""Themes are TOML files in this folder; what a file leaves out comes from Textual's own derivation."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

from textual.theme import Theme

HERE = Path(__file__).parent
DEFAULT = "night"
COLOURS = frozenset(
    (
        "primary",
        "secondary",
        "warning",
        "error",
        "success",
        "accent",
        "foreground",
        "background",
        "surface",
        "panel",
    )
)
_HEX = re.compile(r"#[0-9a-fA-F]{6}")


class BadTheme(ValueError):
    """A theme file is wrong; the message says where."""


def load(path: Path) -> Theme:
    """One theme from its file. BadTheme with a sentence where it is not one."""
    try:
        data = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise BadTheme(f"The theme {path.name} cannot be read: {error}") from None
    colours = data.get("colours", {})
    for name, value in colours.items():
        if name not in COLOURS or not _HEX.fullmatch(str(value)):
            raise BadTheme(f"The theme {path.name} has a bad colour: {name} = {value}")
    if "primary" not in colours:
        raise BadTheme(f"The theme {path.name} has no primary colour.")
    variables = {str(k): str(v) for k, v in data.get("variables", {}).items()}
    return Theme(name=path.stem, dark=bool(data.get("dark", True)), variables=variables, **colours)


@cache
def all_themes() -> list[Theme]:
    """The themes of this folder, the default first."""
    themes = [load(path) for path in sorted(HERE.glob("*.toml"))]
    return sorted(themes, key=lambda theme: theme.name != DEFAULT)
