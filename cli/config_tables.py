"""The tables of the configuration that only the console reads: [colours] and [keys.PLACE]."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

import themes
from cli.config import LIKE, Config
from cli.config_lines import KeyPath
from collectors.sanitize import sanitize
from tui.actions import ACTIONS
from tui.keymap import KeyProblem, checked_keys, key_named, refusal

COLOURS = {**themes.COLOURS, **themes.VARIABLES}


def colours(found: Config) -> tuple[dict[str, str], list[str]]:
    """Colours by their names, and a sentence for each that is none."""
    right, wrong = {}, []
    for name, value in found.tables.get("colours", {}).items():
        if name not in COLOURS:
            wrong.append(_unknown(found, ("colours", name), COLOURS))
        elif why := themes.bad_colour(name, value, COLOURS):
            shown = f"{name} = {sanitize(value, 40)!r}"
            wrong.append(f"{found.place(('colours', name))}: {shown}: {why}.")
        else:
            right[name] = str(value)
    return right, wrong


def keys(found: Config) -> tuple[dict[str, str], list[str]]:
    """Keys by the ids of actions, as Textual names them, and a sentence for each that is not
    used."""
    tables = found.tables.get("keys", {})
    known: dict[str, dict[str, str]] = {}
    for action in ACTIONS if tables else ():
        known.setdefault(action.where, {})[action.setting] = action.id
    given, wrong = {}, []
    for place, table in tables.items():
        if place not in known:
            wrong.append(_unknown(found, ("keys", place), known))
            continue
        for name, value in table.items():
            path = ("keys", place, name)
            if name not in known[place]:
                wrong.append(_unknown(found, path, known[place]))
                continue
            some, why = _keys(value)
            if why:
                wrong.append(_sentence(found, path, why))
            else:
                given[place, name] = some
    used, problems = checked_keys(given)
    return used, [*wrong, *(_of(found, problem) for problem in problems)]


def _keys(value: object) -> tuple[tuple[str, ...], str]:
    """One key or a list of them, as Textual names them; or why that cannot be."""
    texts = value if isinstance(value, list) else [value]
    if not texts or not all(isinstance(text, str) for text in texts):
        return (), "must be a key or a list of keys"
    named = tuple(map(key_named, texts))
    reasons = (refusal(key, text) for key, text in zip(named, texts, strict=True))
    return named, next(filter(None, reasons), "")


def _of(found: Config, problem: KeyProblem) -> str:
    return _sentence(found, ("keys", *problem.path), problem.why)


def _sentence(found: Config, path: KeyPath, why: str) -> str:
    return f"{found.place(path)}: {sanitize('.'.join(path), 80)}: {why}."


def _unknown(found: Config, path: KeyPath, known: Iterable[str]) -> str:
    near = get_close_matches(path[-1], known, 1, LIKE)
    hint = f"the nearest is {near[0]!r}" if near else f"there are {', '.join(sorted(known))}"
    return f"{found.place(path)}: there is no key {sanitize('.'.join(path), 80)!r}: {hint}."
