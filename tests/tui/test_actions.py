"""The table of actions: a key does one thing wherever it is pressed."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tui.actions import ACTIONS, Action

TUI = Path(__file__).parent.parent.parent / "tui"


def places() -> dict[str, tuple[str, ...]]:
    """The places of the table that each module binds, by the module's name."""
    found = {}
    for path in sorted(TUI.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "bindings":
                found[path.stem] = tuple(ast.literal_eval(one) for one in node.args)
    return found


BOUND = places()
SCREENS = sorted(set(BOUND) - {"app", "row_list"})


def seen_together(screen: str) -> tuple[str, ...]:
    """What the app binds is there on every screen, and so are the keys of a list; a dialog has all
    keys for itself."""
    if screen == "dialog":
        return BOUND[screen]
    return (*BOUND[screen], *BOUND["app"], *BOUND["row_list"])


def twice(actions: Iterable[Action], where: tuple[str, ...]) -> Iterator[str]:
    """A sentence for each key of these places that has two actions."""
    by_key: dict[str, Action] = {}
    for action in actions:
        for key in action.key.split(",") if action.where in where else ():
            first = by_key.setdefault(key, action)
            if first is not action:
                yield (
                    f"tui/actions.py: the key {key!r} is both {first.where}.{first.name} and "
                    f"{action.where}.{action.name}, on one screen."
                )


@pytest.mark.parametrize("screen", SCREENS)
def test_no_key_of_a_screen_has_two_actions(screen: str) -> None:
    assert not (wrong := list(twice(ACTIONS, seen_together(screen)))), "\n".join(wrong)


def test_every_place_of_the_table_is_bound_somewhere() -> None:
    assert {place for bound in BOUND.values() for place in bound} == {one.where for one in ACTIONS}


def test_a_key_that_is_given_twice_is_said_in_a_sentence() -> None:
    guide = next(one for one in ACTIONS if (one.where, one.name) == ("target", "guide"))
    more = (*ACTIONS, replace(guide, name="export", key="ctrl+e,c"))
    assert list(twice(more, seen_together("target"))) == [
        "tui/actions.py: the key 'c' is both target.capture and target.export, on one screen."
    ]
