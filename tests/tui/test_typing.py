"""A fast typist: keys that come all at once, as tmux or a slow line hands them over."""

from __future__ import annotations

import pytest
from textual.events import Key

from tests.tui.replay import console
from tests.tui.test_reach import EVENTS
from tui.screens.findings import FindingsScreen
from tui.widgets.filterbox import FilterBox

NAMES = {"/": "slash", "\r": "enter", "\x1b": "escape", "?": "question_mark"}


@pytest.mark.parametrize(("typed", "text"), [("/web\rd", "web"), ("/web\r\rd", "web"), ("/web\x1bd", "")])
async def test_what_follows_the_filter_is_for_the_list(typed: str, text: str) -> None:
    app = console(EVENTS, "")
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause(0.8)
        cluster = app.screen
        for character in typed:
            app.post_message(Key(NAMES.get(character, character), character))
        await pilot.pause(0.8)
        assert isinstance(app.screen, FindingsScreen)
        assert cluster.query_one(FilterBox).value == text


@pytest.mark.parametrize(("typed", "shown"), [("bjb", "Document"), ("M\x1b?", "Help"), ("/zzz\x1b?", "Help")])
async def test_what_follows_a_new_screen_is_for_it(typed: str, shown: str) -> None:
    app = console(EVENTS, "")
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause(0.8)
        for character in typed:
            app.post_message(Key(NAMES.get(character, character), character))
        await pilot.pause(2.0)
        assert type(app.screen).__name__ == shown
