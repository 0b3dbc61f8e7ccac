"""What is written to the terminal besides screens has nothing in it that a terminal would obey."""

from __future__ import annotations

import base64

from tui import terminal_sequences as sequences

EVIL = "a\x1b]0;X\x07\x9b\u202e\n"


def test_the_clipboard_has_the_text_and_nothing_that_is_too_long() -> None:
    coded = base64.b64encode(b"a\tb").decode()
    assert sequences.clipboard("a\tb") == f"\x1b]52;c;{coded}\a"
    assert sequences.clipboard("x" * 60_000) == ""
    assert sequences.clipboard("\udc80") != ""


def test_titles_and_notifications_end_where_podwire_ends_them() -> None:
    for text in (sequences.title(EVIL), sequences.notification(EVIL)):
        inside = text[4:].removesuffix("\a").removesuffix("\x1b\\")
        assert inside.isprintable() and "␛" in inside


def test_the_mouse() -> None:
    assert sequences.mouse(True) == "\x1b[?1000h\x1b[?1003h\x1b[?1006h"
    assert sequences.mouse(False).count("l") == 3
