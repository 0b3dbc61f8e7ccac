"""A fast typist: keys that come all at once, as tmux or a slow line hands them over."""

from __future__ import annotations

import time

import pytest
from textual.events import Key

from collectors.key_priority import KEY_PRIORITY
from tests.support.replay import console
from tests.tui.test_connectivity_matrix import EVENTS
from tui.app import PodwireApp
from tui.screens import connectivity_matrix
from tui.screens.connectivity_matrix import rows_of
from tui.screens.findings import FindingsScreen
from tui.terminal_driver import TerminalDriver
from tui.widgets.filter_box import FilterBox

NAMES = {"/": "slash", "\r": "enter", "\x1b": "escape", "?": "question_mark"}


def at_once(app: PodwireApp, typed: str) -> None:
    for character in typed:
        app.post_message(Key(NAMES.get(character, character), character))


@pytest.mark.parametrize(
    ("typed", "text"), [("/web\rd", "web"), ("/web\r\rd", "web"), ("/web\x1bd", "")]
)
async def test_what_follows_the_filter_is_for_the_list(typed: str, text: str) -> None:
    app = console(EVENTS, "")
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause(0.8)
        cluster = app.screen
        at_once(app, typed)
        await pilot.pause(0.8)
        assert isinstance(app.screen, FindingsScreen)
        assert cluster.query_one(FilterBox).value == text


async def test_a_screen_that_is_left_before_it_has_its_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def slow(*arguments: object) -> list[object]:
        time.sleep(0.5)
        return rows_of(*arguments)  # type: ignore[arg-type,return-value]

    monkeypatch.setattr(connectivity_matrix, "rows_of", slow)
    app = console(EVENTS, "")
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause(0.8)
        await pilot.press("M")
        await pilot.pause(0.3)
        await pilot.press("escape")
        await pilot.pause(0.8)
        assert type(app.screen).__name__ == "ClusterScreen" and app.is_running


@pytest.mark.parametrize(
    ("typed", "shown"), [("bjb", "Document"), ("M\x1b?", "Help"), ("/zzz\x1b?", "Help")]
)
async def test_what_follows_a_new_screen_is_for_it(typed: str, shown: str) -> None:
    app = console(EVENTS, "")
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause(0.8)
        at_once(app, typed)
        await pilot.pause(2.0)
        assert type(app.screen).__name__ == shown


async def test_a_key_has_priority_from_the_terminal_to_the_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[str] = []
    app = console(EVENTS, "")
    monkeypatch.setattr(KEY_PRIORITY, "begin", lambda: seen.append("begin"))
    monkeypatch.setattr(KEY_PRIORITY, "end", lambda: seen.append(type(app.screen).__name__))
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause(0.8)
        TerminalDriver(app).send_message(Key("question_mark", "?"))
        assert seen == ["begin"], "before the event loop has the key"
        await pilot.pause(0.8)
    assert seen == ["begin", "Help"], "ended on the screen that the key opened"
    assert app.driver_class is TerminalDriver
