"""Which key does what: the table of actions with the user's keys in it, and how keys are written.

Knows no screens: what is wrong with a key is found before one opens."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import replace
from string import punctuation

from collectors.frozen import frozen
from collectors.sanitize import sanitize
from tui.actions import ACTIONS, EVERYWHERE, SCREENS, Action

NAMED = {
    "escape",
    "enter",
    "space",
    "tab",
    "backspace",
    "delete",
    "insert",
    "home",
    "end",
    "pageup",
    "pagedown",
    "up",
    "down",
    "left",
    "right",
    *(f"f{number}" for number in range(1, 25)),
}
MODIFIERS = ("ctrl", "alt", "shift")
# Textual's names of characters, where they are not those of Unicode
_NAMES = {
    "solidus": "slash",
    "reverse_solidus": "backslash",
    "commercial_at": "at",
    "hyphen_minus": "minus",
    "plus_sign": "plus",
    "low_line": "underscore",
}
_WRITTEN = {"escape": "esc", "left": "←", "right": "→"}
_WRITTEN_ASCII = {"escape": "esc"}
_SPELT = {"esc": "escape", "return": "enter", "del": "delete", "←": "left", "→": "right"}
SAME = {"ctrl+i": "tab", "ctrl+m": "enter", "ctrl+left_square_bracket": "escape"}
_HINT = re.compile(r"\{([a-z]+\.[a-z_]+(?:\([^)]*\))?)\}")


@frozen
class KeyProblem:
    """Why a key that was set is not used. `path` is that of the setting: its place and name."""

    path: tuple[str, str]
    why: str


def key_named(text: str) -> str:
    """Textual's name of a key as people write it: `?`, `ctrl+w`, `esc`, `pageup`; '' of none."""
    *modifiers, key = [text] if len(text) == 1 else text.replace("++", "+plus").rsplit("+", 1)
    parts = modifiers[0].lower().split("+") if modifiers else []
    if len(set(parts)) < len(parts) or not set(parts) <= set(MODIFIERS):
        return ""
    named = _unmodified(key)
    if len(named) == 1 and parts:  # a terminal sends no capital with ctrl, and no shift but that
        named = named.upper() if parts == ["shift"] else named.lower()
        parts = [] if parts == ["shift"] else parts
    return "+".join([*(m for m in MODIFIERS if m in parts), named]) if named else ""


def _unmodified(key: str) -> str:
    key = _SPELT.get(key.lower(), key)
    if len(key) == 1:
        return _of_character(key)
    key = key.lower()
    return key if key in NAMED or character_of(key) else ""


def _of_character(character: str) -> str:
    if not character.isprintable() or character == " ":
        return ""
    if character.isalnum():
        return character
    name = unicodedata.name(character, "").lower().replace("-", "_").replace(" ", "_")
    return _NAMES.get(name, name)


_CHARACTERS = {_of_character(one): one for one in punctuation}


def character_of(key: str) -> str:
    """The character of a key that has a name: `slash`; '' of others."""
    return _CHARACTERS.get(key, "")


def written(key: str, is_ascii: bool = False) -> str:
    """A key as help and footer show it."""
    *modifiers, last = [key] if len(key) == 1 else key.rsplit("+", 1)
    words = _WRITTEN_ASCII if is_ascii else _WRITTEN
    shown = last if len(last) == 1 else words.get(last) or character_of(last) or last
    return "+".join([*modifiers, shown])


def checked_keys(
    given: Mapping[tuple[str, str], tuple[str, ...]],
) -> tuple[dict[str, str], list[KeyProblem]]:
    """Keys in place of those of the table, by the ids of bindings; and why others are not used.
    `given` are the keys, as Textual names them, by place and name of the setting."""
    if not given:  # the table has no conflict of its own
        return {}, []
    actions = {(one.where, one.setting): one for one in ACTIONS}
    used = {actions[path].id: keys for path, keys in given.items()}
    paths = {actions[path].id: path for path in given}
    problems = []
    while conflict := next(_conflicts(in_force(_joined(used))), None):
        key, first, second = conflict
        refused, other = (second, first) if second.id in used else (first, second)
        why = f"{written(key)!r} is {other.id} already, on the same screen: the key stays as it was"
        problems.append(KeyProblem(paths[refused.id], why))
        del used[refused.id]
    return _joined(used), problems


def _joined(keys: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    return {name: ",".join(some) for name, some in keys.items()}


def in_force(keymap: Mapping[str, str]) -> tuple[Action, ...]:
    """The table of actions with the user's keys."""
    return tuple(replace(one, key=keymap[one.id]) if one.id in keymap else one for one in ACTIONS)


def _conflicts(actions: tuple[Action, ...]) -> Iterator[tuple[str, Action, Action]]:
    """Each key that two actions of one screen have."""
    for places in (*((*own, *EVERYWHERE) for own in SCREENS.values()), ("dialog",)):
        by_key: dict[str, Action] = {}
        for action in actions:
            for key in action.keys if action.where in places else ():
                first = by_key.setdefault(key, action)
                if first.id != action.id:
                    yield key, first, action


def refusal(key: str, text: str) -> str:
    """Why no action can have a key; '' where one can. `text` is how it was written."""
    if not key:
        known = "a character, ctrl+LETTER, f1 to f24, or a name such as esc"
        return f"{sanitize(text, 40)!r} is not a key: {known}"
    if key in SAME:
        return f"a terminal sends the same for {written(key)!r} and {written(SAME[key])!r}"
    return ""


class KeyNames:
    """The keys in force of the console that runs, as they are written in hints."""

    def __init__(self) -> None:
        self.use({}, False)

    def use(self, keymap: Mapping[str, str], is_ascii: bool) -> None:
        self._is_ascii = is_ascii
        self._keys = {one.id: one.keys for one in in_force(keymap)}

    def of(self, name: str) -> tuple[str, ...]:
        """By the id of an action, as Textual names them: the first is what the footer shows."""
        return self._keys[name]

    def first(self, name: str | None, key: str) -> str:
        """Of an action; `key` where none of the table has that id."""
        return self._keys.get(name or "", (key,))[0]

    def write(self, key: str) -> str:
        return written(key, self._is_ascii)

    def fill(self, text: str) -> str:
        """A hint, with the first key of an action for each `{place.name}`."""
        return _HINT.sub(lambda found: self.write(self.of(found[1])[0]), text)


KEYS = KeyNames()
