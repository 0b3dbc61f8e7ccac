"""The user's keys: how they are written, which are refused, and what conflicts."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.tui.test_actions import BOUND
from tui.actions import ACTIONS, EVERYWHERE, SCREENS
from tui.keymap import KEYS, KeyNames, checked_keys, in_force, key_named, refusal, written


def test_the_screens_of_the_table_are_those_that_bind_them() -> None:
    bound = {places for module, places in BOUND.items() if module not in ("app", "row_list")}
    assert bound == {*SCREENS.values(), ("dialog",)}
    assert {*BOUND["app"], *BOUND["row_list"]} == set(EVERYWHERE)


def test_each_action_has_a_name_of_its_own() -> None:
    names = [(one.where, one.setting) for one in ACTIONS]
    assert len(names) == len(set(names)) == len({one.id for one in ACTIONS})
    assert all(name.isidentifier() for _, name in names)


@pytest.mark.parametrize("is_ascii", [False, True])
def test_keys_are_read_as_they_are_written(is_ascii: bool) -> None:
    for key in {key for one in ACTIONS for key in one.keys}:
        shown = written(key, is_ascii)
        assert key_named(shown) == key, shown
        assert shown.isascii() or not is_ascii


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("x", "x"),
        ("X", "X"),
        ("?", "question_mark"),
        ("+", "plus"),
        ("ctrl+w", "ctrl+w"),
        ("Ctrl+Shift+F5", "ctrl+shift+f5"),
        ("alt+/", "alt+slash"),
        ("ctrl++", "ctrl+plus"),
        ("Ctrl+W", "ctrl+w"),
        ("shift+w", "W"),
        ("Esc", "escape"),
        ("question_mark", "question_mark"),
        ("", ""),
        (" ", ""),
        ("cmd+x", ""),
        ("ctrl+ctrl+x", ""),
        ("f25", ""),
        ("word", ""),
        ("\x1b", ""),
    ],
)
def test_names_of_keys(text: str, key: str) -> None:
    assert key_named(text) == key


@pytest.mark.parametrize(
    ("text", "says"),
    [("word", "'word' is not a key"), ("ctrl+i", "sends the same")],
)
def test_keys_that_no_action_can_have(text: str, says: str) -> None:
    assert says in refusal(key_named(text), text)
    assert refusal("x", "x") == ""


def test_keys_may_change_places() -> None:
    given = {("target", "capture"): ("w",), ("target", "save"): ("c",)}
    assert checked_keys(given) == ({"target.capture": "w", "target.save": "c"}, [])


def test_one_key_may_do_different_things_on_different_screens() -> None:
    assert checked_keys({("cluster", "matrix"): ("c",)})[1] == []


def test_a_key_of_two_actions_on_one_screen_is_named_and_the_rest_stays() -> None:
    given = {
        ("target", "capture"): ("d",),
        ("target", "guide"): ("i",),
        ("target", "compare"): ("i",),
    }
    used, problems = checked_keys(given)
    assert used == {"target.guide": "i"} or used == {"target.compare": "i"}
    assert len(problems) == 2
    by_path = {problem.path: problem.why for problem in problems}
    assert "'d' is app.findings already, on the same screen" in by_path["target", "capture"]


def test_of_an_app_key_that_a_screen_has_the_users_is_refused() -> None:
    used, (problem,) = checked_keys({("app", "timeline"): ("c",)})
    assert used == {} and problem.path == ("app", "timeline")
    assert "'c' is target.capture already" in problem.why


def test_hints_have_the_keys_in_force() -> None:
    names = KeyNames()
    assert names.fill("{target.capture} starts it, {time.move(-1)} back") == "c starts it, ← back"
    names.use({"target.capture": "f5"}, True)
    assert (
        names.fill("{target.capture} starts it, {time.move(-1)} back") == "f5 starts it, left back"
    )
    assert KEYS is not names


def test_the_table_in_force() -> None:
    changed = [one for one in in_force({"app.help": "f1"}) if one not in ACTIONS]
    assert [(one.id, one.key) for one in changed] == [("app.help", "f1")]


TUI = Path(__file__).parent.parent.parent / "tui"
DOES = (
    "shows|goes|graphs|compares?|opens|starts|stops|sets|counts|lists|changes|clears|cancels|saves"
    "|quits|copies|pauses"
)
LITERAL = re.compile(
    rf"(?<![\w{{}}'.-])(?:[b-zA-HJ-Z0-9?*]|esc|enter|space|→|←):? (?:{DOES})\b"
    r"|\bkeys? [a-z0-9]\b|\([0-9a-z] or [0-9a-z]\)"
)
FIXED = ("actions.py", "faults.py")  # the table itself, with the keys as they are; a dialog's own


def hints(path: Path) -> list[str]:
    """The texts in a module but its docstrings."""
    tree = ast.parse(path.read_text())
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = (node for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return [one.value for one in texts if isinstance(one.value, str) and id(one) not in docs]


def test_no_hint_names_a_key_that_somebody_may_have_changed() -> None:
    assert LITERAL.search("not read yet: 8 shows why") and LITERAL.search("a pod (key 1)")
    assert not LITERAL.search("not read yet: {target.tab(8)} shows why")
    found = [
        f"{path.name}: {text}"
        for path in TUI.rglob("*.py")
        if path.name not in FIXED
        for text in hints(path)
        if LITERAL.search(text)
    ]
    assert not found
