"""ASCII in place of everything else, as wide; and where it is chosen by itself."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from rich.cells import cell_len

from tui.ascii_text import ascii_of, given_locale, has_ascii_only


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain ASCII", "plain ASCII"),
        ("● live  ▲ 2 findings", "* live  ! 2 findings"),
        ("a → b … “c” – ×", 'a > b ~ "c" - x'),
        ("╭──╮│╰──╯", "+--+|+--+"),
        ("▕██┆··▏", "|##|--|"),
        ("⠀⣀⣤⣶⣿⠉", " .:##'"),
        ("┊⣿", "/#"),
        ("é ü ß", "e u ?"),
        ("日本", "????"),
    ],
)
def test_characters(text: str, expected: str) -> None:
    assert ascii_of(text) == expected


@given(st.text())
def test_it_is_ascii_and_as_wide(text: str) -> None:
    changed = ascii_of(text)
    assert changed.isascii()
    assert cell_len(changed) == sum(cell_len(one) for one in text)


def test_more_of_a_graph_is_never_less() -> None:
    filled = [ascii_of(chr(0x2800 + bits)) for bits in (0, 0xC0, 0xE4, 0xF6, 0xFF)]
    assert filled == [" ", ".", ":", "#", "#"]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, False),  # nothing is said
        ({"LANG": "C"}, True),
        ({"LANG": "POSIX"}, True),
        ({"LANG": "C.UTF-8"}, False),
        ({"LANG": "en_US.UTF-8"}, False),
        ({"LANG": "en_US.utf8"}, False),
        ({"LANG": "de_DE.ISO-8859-15@euro"}, True),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "POSIX"}, True),
        ({"LANG": "C", "LC_ALL": "C.UTF-8"}, False),
        ({"LANG": "C", "LC_CTYPE": "en_US.UTF-8"}, False),
        ({"LANG": "en_US.UTF-8", "TERM": "linux"}, True),
        ({"LANG": "en_US.UTF-8", "TERM": "xterm-256color"}, False),
    ],
    ids=str,
)
def test_it_is_chosen_by_the_locale_and_the_terminal(
    environment: dict[str, str], expected: bool
) -> None:
    assert has_ascii_only(environment) == expected


def test_what_python_sets_by_itself_is_not_the_users_locale() -> None:
    both = {"LANG": "C", "LC_CTYPE": "C.UTF-8"}
    assert given_locale(both, b"LANG=C\0PATH=/bin\0") == {"LANG": "C"}
    assert given_locale(both, b"LC_CTYPE=C.UTF-8\0LANG=C\0") == both
    assert given_locale(both, b"") == both, "a system without /proc"
