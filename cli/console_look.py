"""How the console looks: what was asked for, what the terminal has, and a sentence for what of it
cannot be."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import themes
from cli.config import LIKE, Config, default_path, given_options
from cli.config_tables import colours, keys
from collectors.errors import ConfigError
from collectors.sanitize import sanitize
from themes import ThemeFile
from tui.ascii_text import given_locale, has_ascii_only
from tui.look import TerminalLook, usual_theme
from tui.terminal_sequences import BARE

AUTO = "auto"


def thresholds_set(settings_of: Config) -> list[str]:
    """Before rules look at anything: sentences on those that are not used."""
    try:
        return settings_of.set_thresholds()
    except ConfigError as error:
        return [f"{error} Rules have the thresholds of podwire."]


def look_of(
    options: argparse.Namespace, settings_of: Config, said: Sequence[str] = ()
) -> TerminalLook:
    """ConfigError where the command line asks for a theme that is not there; what else is wrong is
    among the notices."""
    directory = (settings_of.path or default_path()).parent / "themes"
    own, problems = themes.users(directory)
    names = (*themes.names(), *(theme.name for theme in own))
    notices = [*(problem.text for problem in settings_of.problems), *said]
    notices += [sanitize(text) for text in problems.values()]
    own_colours, bad_colours = colours(settings_of)
    keymap, bad_keys = keys(settings_of)
    name, why = _theme(options, settings_of, names, problems)
    others = {theme.name: theme for theme in own}
    if own_colours:
        others[name] = (others.get(name) or themes.bundled(name)).with_colours(own_colours)
    unread = hard_to_read(others[name]) if name in others else ()  # podwire's own are tested
    notices += [*bad_colours, *bad_keys, *why, *unread]
    return TerminalLook(
        name,
        names,
        others,
        is_ascii=_is_ascii(value(options, settings_of, "characters")),
        keymap=keymap,
        mouse=_has_mouse(value(options, settings_of, "mouse")),
        title=value(options, settings_of, "title"),
        bell=value(options, settings_of, "bell"),
        notices=tuple(notices),
    )


def value(options: argparse.Namespace, settings_of: Config, name: str) -> Any:
    """Of a setting that no context has its own of."""
    return given_options(options).get(name, settings_of.value(name))


def _has_mouse(wanted: str) -> bool:
    return os.environ.get("TERM", "") not in BARE if wanted == AUTO else wanted == "on"


def _is_ascii(characters: str) -> bool:
    if characters != AUTO:
        return characters == "ascii"
    try:
        begun_with = Path("/proc/self/environ").read_bytes()
    except OSError:
        begun_with = b""
    return has_ascii_only(given_locale(os.environ, begun_with))


def hard_to_read(theme: ThemeFile) -> Iterator[str]:
    """A sentence where text of a theme has too little contrast."""
    from themes.contrast_figures import LEAST, failing  # most have podwire's own themes

    if pairs := failing(theme):
        yield (
            f"Text of the theme {theme.name} is hard to read, below a contrast of {LEAST}:"
            f" {', '.join(pairs)}."
        )


def _theme(
    options: argparse.Namespace,
    settings_of: Config,
    known: Sequence[str],
    wrong: Mapping[str, str],
) -> tuple[str, list[str]]:
    """The name of one that there is, and why it is another than was asked for; `wrong`: what is
    said of files that are no themes, by their names."""
    wanted = str(value(options, settings_of, "theme"))
    if wanted == AUTO:
        return usual_theme(os.environ), []
    if wanted in known:
        return wanted, []
    near = get_close_matches(wanted.lower(), known, 1, LIKE)
    hint = f"The nearest is {near[0]!r}." if near else f"Known: {', '.join(known)}."
    unknown = f"There is no theme {sanitize(wanted, 40)!r}. {hint}"
    if getattr(options, "theme", None):
        raise ConfigError(sanitize(wrong[wanted]) if wanted in wrong else unknown)
    said = [] if wanted in wrong else [f"{_of_theme(settings_of)}{unknown}"]
    return usual_theme(os.environ), said


def _of_theme(settings_of: Config) -> str:
    """Where a theme is asked for that is not there."""
    if "theme" in settings_of.environment:
        return "$PODWIRE_THEME: "
    return f"{settings_of.place(('theme',))}: " if settings_of.path else ""
