"""The cluster's lists: their keys, live and in a replay."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from textual.widgets import Input

from tests.support.replay import console
from tests.tui.test_findings import events
from tui.screens.cluster import ClusterScreen
from tui.screens.cluster_columns import POD_STATE
from tui.widgets.columns import fit


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


@pytest.mark.parametrize(
    ("view", "shown", "said"), [("nodes", 1, "1 node,"), ("services", 2, "2 services,")]
)
async def test_one_is_one(view: str, shown: int, said: str) -> None:
    app = console(events(), "")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause(0.5)
        screen = cast("ClusterScreen", app.screen)
        screen.view = view
        assert f" {said}" in screen._summary(shown, 0)


def test_a_pod_keeps_the_end_of_its_name_on_a_narrow_screen() -> None:
    (column,) = (one for one in POD_STATE if one.title == "POD")
    shown = fit("frontend-58cc45b5bc-r8thp", 16, tail=column.tail)
    assert shown == "frontend…r8thp  "
