"""Help and menu offer the keys that do something: in a recording none that can only say why not."""

from __future__ import annotations

import re

import pytest

from collectors.stream import Stream
from session.controller import Controller
from session.store import Store
from tests.support.replay import opened
from tests.tui.test_tour_keys import demo, ready
from tui.actions import ACTIONS, SCREENS
from tui.app import NOT_IN_MENU
from tui.keymap import in_force
from tui.offered_keys import OF_SHARING, OF_THE_OWNER, offered
from tui.screens.base import ConsoleScreen
from tui.screens.cluster import ClusterScreen
from tui.screens.help import Help
from tui.screens.target import TargetScreen

REFUSED = re.compile(r"This is a recording|[Oo]nly a live session|Nobody is followed|nobody drives")
LEAVING = {"leave", "quit", "interrupt", "close", "command_palette", "command", "mouse", "back"}


@pytest.fixture
def control() -> Controller:
    return Controller(Store(), Stream())


def ids(control: Controller, lists_cluster: bool = True) -> set[str]:
    return {one.id for one in offered(control, lists_cluster).of(in_force({}))}


async def test_live_all_but_those_of_lab_and_replay(control: Controller) -> None:
    everything = {one.id for one in ACTIONS}
    missing = everything - ids(control)
    assert {one.partition(".")[0] for one in missing} == {"lab", "replay"}
    control.is_lab = True
    assert "lab.faults" in ids(control)
    assert not [one for one in ids(control, lists_cluster=False) if one.startswith("cluster.")]


async def test_of_a_recording_none_that_writes_runs_or_shares(control: Controller) -> None:
    control.live = False
    found = offered(control, lists_cluster=True)
    assert not {one.id for one in found.of(ACTIONS)} & (OF_THE_OWNER | OF_SHARING)
    (leave,) = (one for one in found.of(ACTIONS) if one.id == "app.leave")
    assert leave.help == "quit"


@pytest.mark.parametrize("live", [True, False])
async def test_the_footer_has_no_key_that_is_refused(live: bool) -> None:
    control = Controller(store := Store(), Stream())
    app = opened(control, "")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause(0.2)
        control.live = live
        app.push_screen(TargetScreen(store, control, "pod/shop/web-1", ""))
        await pilot.pause(0.2)
        shown = {one.binding.id for one in app.screen.active_bindings.values() if one.binding.show}
        assert ({"target.capture", "target.guide"} <= shown) is live
        assert {"target.filter", "target.back", "app.findings"} <= shown
        await pilot.press("4", "slash")
        await pilot.pause(0.1)
        assert [b.action for _, b, *_ in app.screen.active_bindings.values() if b.show] == ["back"]


@pytest.mark.parametrize("place", SCREENS)
def test_no_two_lines_of_the_menu_have_one_name(place: str) -> None:
    shown = [one for one in ACTIONS if one.where in ("app", "lab", "replay", place)]
    names = [one.label for one in shown if one.name not in NOT_IN_MENU]
    assert sorted(names) == sorted(set(names))


def test_each_id_is_one_of_the_table() -> None:
    assert {one.id for one in ACTIONS} >= OF_THE_OWNER | OF_SHARING


@pytest.mark.slow
@pytest.mark.parametrize("kind", [TargetScreen, ClusterScreen])
async def test_no_key_that_the_help_of_a_replay_has_is_refused(kind: type[ConsoleScreen]) -> None:
    app = demo()
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("escape")
        if kind is ClusterScreen:
            await pilot.press("escape")
        await pilot.pause(0.5)
        screen = app.screen
        assert isinstance(screen, ConsoleScreen) and type(screen) is kind
        place = screen.place
        await pilot.press("question_mark")
        await pilot.pause(0.5)
        page = app.screen
        assert isinstance(page, Help)
        actions = page.actions
        await pilot.press("escape")
        assert "replay.play" in {one.id for one in actions}
        for action in actions:
            leaves = action.name in LEAVING or action.name.startswith("step(")
            if action.where not in (place, "app") or leaves:
                continue
            app._notifications.clear()
            where = "app" if action.where == "app" else "screen"
            await app.run_action(f"{where}.{action.name}")
            await pilot.pause(0.05)
            said = [one.message for one in app._notifications if REFUSED.search(one.message)]
            assert not said, (action.id, said)
            while app.screen is not screen:
                app.pop_screen()
            app.set_focus(screen.query("RowList").first())
