"""The cluster's lists: their keys, live and in a replay."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from textual.widgets import Input

from tests.support.replay import console
from tests.tui.test_findings import events
from tui.screens.cluster import ClusterScreen


def rows(app: Any) -> int:
    return len(app.screen.main.rows)


async def test_the_key_of_the_view_that_is_shown_leaves_its_rows() -> None:
    app = console(events(), "")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause(0.8)
        assert isinstance(app.screen, ClusterScreen) and rows(app) == 1
        for key, count in (("1", 1), ("3", 2), ("3", 2), ("1", 1)):
            await pilot.press(key)
            await pilot.pause(0.7)
            assert rows(app) == count, key


async def test_what_is_left_in_a_cluster_is_not_asked_of_a_recording() -> None:
    app = console(events(), "")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause(0.8)
        screen, said = cast("ClusterScreen", app.screen), list[str]()
        app.control.replay = cast("Any", SimpleNamespace(keep=None))
        screen.say = lambda text, severity="": said.append(text)  # type: ignore[method-assign]
        screen.action_clean()
        app.control.replay = None
        assert said == ["This is a recording: `podwire clean` looks at a cluster."]


async def test_keys_of_a_recording_say_why_they_start_nothing(recording: Path) -> None:
    app = console(recording)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause(0.8)
        for key in ("c", "slash"):
            app.clear_notifications()
            await pilot.press(key)
            await pilot.pause(0.3)
            assert [one.message for one in app._notifications] == [
                "This is a recording: nothing can be captured or counted here."
            ], key
            assert not isinstance(app.screen.focused, Input)
