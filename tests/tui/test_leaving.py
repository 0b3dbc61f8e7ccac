"""Keys that come together leave one screen, and none below it."""

from __future__ import annotations

from textual.app import App
from textual.events import Key
from textual.screen import Screen
from textual.widgets import Input

from collectors import events as ev
from tests.support.replay import replayed
from tests.support.snapshots import API, POD
from tui.app import OpenConsole, PodwireApp
from tui.screens.cluster import ClusterScreen
from tui.screens.confirm import Confirm
from tui.screens.go_to_time import GoToTime
from tui.screens.leaving import Dialog
from tui.screens.mark_note import MarkNote

EVENTS: list[ev.Event] = [
    ev.SessionStart(1.7e9, "", "prod", "alice", "", "v1.36"),
    ev.InventoryList(1.7e9, "", "pods", (POD, API)),
]


async def test_a_question_that_is_answered_twice_has_one_answer() -> None:
    app, answers = App[None](), list[str | None]()
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(below := Screen[None]())
        app.push_screen(ask := Confirm("Quit?", "", (("y", "quit"),)), answers.append)
        await pilot.pause(0.1)
        for _ in range(3):
            ask.post_message(Key("y", "y"))
        await pilot.pause(0.1)
        assert app.screen is below
        assert answers == ["y"]


async def test_keys_that_come_together_leave_one_screen_and_lose_nothing_that_was_typed() -> None:
    _, control = replayed(EVENTS)

    async def opening() -> OpenConsole:
        control.start()
        return OpenConsole(control, "")

    app, answers = PodwireApp(opening), list[str | None]()
    dialogs: list[Dialog[str | None]] = [MarkNote(), GoToTime(0.0, 60.0)]
    async with app.run_test(size=(80, 24)) as pilot:
        while not isinstance(app.screen, ClusterScreen):
            await pilot.pause(0.02)
        for dialog in dialogs:
            await app.push_screen(dialog, answers.append)
            while not isinstance(app.focused, Input):
                await pilot.pause(0.02)
            app.focused.value = "14:03"
            for key in ("enter", "escape"):
                app.post_message(Key(key, None))
            await pilot.pause(1.0)
            assert isinstance(app.screen, ClusterScreen)
        assert answers == ["14:03", "14:03"]
        await pilot.press("d")
        await pilot.pause(0.1)
        findings = app.screen
        for _ in range(3):
            await findings.run_action("back")
        assert isinstance(app.screen, ClusterScreen)
