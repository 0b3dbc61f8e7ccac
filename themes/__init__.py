"""Themes are TOML files in this folder, and in `themes/` beside the user's configuration. Read and
checked here; tui/themes.py makes them Textual's."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
DEFAULT, LIGHT, SIXTEEN, PLAIN = "night", "day", "sixteen", "plain"
COLOURS: Mapping[str, str] = {
    "primary": "headings of lists, frames, the first series of a graph",
    "secondary": "labels, axes, what matters less",
    "accent": "names, titles, the tour",
    "foreground": "text",
    "background": "behind lists and graphs",
    "surface": "behind dialogs",
    "panel": "behind the header, the tabs and the footer",
    "success": "what is well",
    "warning": "warnings, the second series of a graph",
    "error": "what is wrong",
}
VARIABLES: Mapping[str, str] = {
    "footer-key-foreground": "keys in the footer",
    "block-cursor-background": "behind the chosen row and tab",
    "block-cursor-foreground": "the chosen row",
}
KEYS = ("dark", "palette", "colours", "variables")
PALETTES = ("full", "16", "none")
_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


class BadTheme(ValueError):
    """A theme file is wrong; the message says where."""


class ThemeFile(NamedTuple):
    """`colours` and `variables` (CSS variables of Textual) have #rrggbb by name, all that are
    above; `palette` is what of it the terminal gets: the colours, the nearest of its 16, or none.
    """

    name: str
    dark: bool
    colours: dict[str, str]
    variables: dict[str, str]
    palette: str = "full"

    def with_colours(self, given: Mapping[str, str]) -> ThemeFile:
        """The same with other colours, by the names of either table."""
        colours = {name: given.get(name, value) for name, value in self.colours.items()}
        variables = {name: given.get(name, value) for name, value in self.variables.items()}
        return self._replace(colours=colours, variables=variables)

    @property
    def all_colours(self) -> dict[str, str]:
        return {**self.colours, **self.variables}


def load(path: Path) -> ThemeFile:
    """One theme from its file: what it leaves out is as in `night`, or `day` where it is not dark.

    Raises BadTheme, with a sentence, where the file is not one.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadTheme(f"The theme {path.name} cannot be read: {error}") from None
    tables = [data.get(name, {}) for name in ("colours", "variables")]
    if not all(isinstance(table, dict) for table in tables):
        raise BadTheme(f"The theme {path.name} needs colours and variables as tables.")
    for name, value in {**tables[0], **tables[1]}.items():
        if why := bad_colour(name, value, VARIABLES if name in tables[1] else COLOURS):
            raise BadTheme(f"The theme {path.name} has a bad colour: {name} = {value}: {why}")
    for name in data.keys() - set(KEYS):
        near = get_close_matches(name, KEYS, 1)
        hint = f"the nearest is {near[0]!r}" if near else f"there are {', '.join(KEYS)}"
        raise BadTheme(f"The theme {path.name} has no key {name!r}: {hint}.")
    palette, dark = data.get("palette", "full"), data.get("dark", True)
    if palette not in PALETTES or not isinstance(dark, bool):
        raise BadTheme(
            f"The theme {path.name} needs dark as true or false, and palette as one of"
            f" {', '.join(PALETTES)}."
        )
    return _filled(ThemeFile(path.stem, dark, tables[0], tables[1], palette))


def bad_colour(name: str, value: object, known: Mapping[str, str]) -> str:
    """Why that cannot be a colour of that name; '' where it can."""
    if name not in known:
        return f"there is no colour of that name; there are {', '.join(known)}"
    return "" if _HEX.fullmatch(str(value)) else "a colour is #rrggbb"


def _filled(read: ThemeFile) -> ThemeFile:
    if not COLOURS.keys() - read.colours and not VARIABLES.keys() - read.variables:
        return read
    base = bundled(DEFAULT if read.dark else LIGHT)
    return read._replace(
        colours={**base.colours, **read.colours},
        variables={**base.variables, **read.variables},
    )


@cache
def names() -> tuple[str, ...]:
    """The names of the themes in this folder, the default first."""
    found = sorted(path.stem for path in HERE.glob("*.toml"))
    return tuple(sorted(found, key=lambda name: name != DEFAULT))


@cache
def bundled(name: str) -> ThemeFile:
    """One of this folder."""
    return load(HERE / f"{name}.toml")


def users(directory: Path) -> tuple[list[ThemeFile], dict[str, str]]:
    """The user's own themes, and a sentence for each file that is none, by its name."""
    found, problems = [], {}
    for path in sorted(directory.glob("*.toml")):
        try:
            if not _NAME.fullmatch(path.stem) or path.stem in (*names(), "auto"):
                raise BadTheme(
                    f"The theme {path.name} needs a name of its own, of a-z, 0-9, _ and -, as it"
                    f" is not one of {', '.join(names())}."
                )
            found.append(load(path))
        except BadTheme as error:
            problems[path.stem] = str(error)
    return found, problems
