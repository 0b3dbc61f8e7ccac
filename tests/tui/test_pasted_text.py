"""Pastes into each text box: of any length, with escape sequences, line ends, nothing at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual import events
from textual.app import App, ComposeResult
from textual.widgets import Input

from tests.support.drawn import drawn, looking, ready
from tui.look import TerminalLook
from tui.pasted_text import LONGEST, safe_paste

ESCAPES = "\x1b[2J\x9b31m\x1b]52;c;UFdORUQ=\x07\u202eweb\u200b\r\nrm -rf /\r\n"
BOXES = {
    "words": ("", ("slash",)),
    "words of a list": ("pod", ("2", "slash")),
    "command": ("", ("colon",)),
    "note": ("", ("asterisk",)),
}


def test_the_first_line_with_text_is_used_and_controls_are_seen() -> None:
    assert safe_paste(events.Paste("\n\n  web \nrm"), None).text == "web"
    assert safe_paste(events.Paste("\r\n"), None).text == ""
    shown = safe_paste(events.Paste(ESCAPES), None).text
    assert shown == "␛[2J⟨009B⟩31m␛]52;c;UFdORUQ=␇⟨202E⟩web⟨200B⟩"


class Boxes(App[None]):
    def compose(self) -> ComposeResult:
        yield Input("abc", max_length=10)
        yield Input(id="long")


async def test_as_much_is_used_as_there_is_room_for() -> None:
    app, much = Boxes(), events.Paste("x" * 100_000)
    async with app.run_test():
        short, long = app.query(Input)
        short.select_all()
        assert safe_paste(much, short).text == "x" * 10, "what is selected goes"
        short.cursor_position = 3
        assert safe_paste(much, short).text == "x" * 7
        assert len(safe_paste(much, long).text) == LONGEST


@pytest.mark.slow
@pytest.mark.parametrize("name", BOXES)
async def test_every_box_stands_what_is_pasted(recording: Path, name: str) -> None:
    first, keys = BOXES[name]
    app = looking(recording, TerminalLook(), first)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        await pilot.press(*keys)
        await pilot.pause(0.3)
        box = app.focused
        assert isinstance(box, Input), name
        for text in (ESCAPES, "", "\n", "x " * 50_000, "\U0001f4a9" * 25_000):
            box.value = ""
            app.post_message(events.Paste(text))
            await pilot.pause(0.3)
            assert len(box.value) <= (box.max_length or LONGEST)
            assert bool(box.value) == bool(text.strip())
            shown = "".join(text for text, _, _ in drawn(app))
            assert not {"\x1b", "\x9b", "\x07", "\u202e", "\n"} & set(shown)
        assert app.is_running and app._exception is None
