"""Themes are TOML files in this folder. Read and checked here; tui/themes.py makes them
Textual's."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
DEFAULT = "night"
COLOURS = frozenset(
    [
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
    ]
)
_HEX = re.compile(r"#[0-9a-fA-F]{6}")


class BadTheme(ValueError):
    """A theme file is wrong; the message says where."""


@dataclass(frozen=True, slots=True)
class ThemeFile:
    """`colours` has #rrggbb by name, at least `primary`; `variables` are CSS variables of
    Textual."""

    name: str
    dark: bool
    colours: dict[str, str]
    variables: dict[str, str]


def load(path: Path) -> ThemeFile:
    """One theme from its file. Raises BadTheme, with a sentence, where the file is not one."""
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
    return ThemeFile(path.stem, bool(data.get("dark", True)), colours, variables)


@cache
def names() -> tuple[str, ...]:
    """The names of the themes in this folder, the default first."""
    found = sorted(path.stem for path in HERE.glob("*.toml"))
    return tuple(sorted(found, key=lambda name: name != DEFAULT))
