"""What the command line does in the console."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from collectors import events as ev
from session.favourites import ContextNamespace, Favourites
from tests.support.replay import replayed
from tests.support.snapshots import API, POD
from tui.app import OpenConsole, PodwireApp
from tui.command_keys import ContextSwitch
from tui.screens.cluster import ClusterScreen

AT = 1.7e9
OTHER = ev.PodRow("bank", "ledger-0", "u9", "n1", "10.1.0.9", "Running", "1/1", 0, 0.0)
EVENTS: list[ev.Event] = [
    ev.SessionStart(AT, "", "prod", "alice", "", "v1.36"),
    ev.InventoryList(AT, "", "pods", (POD, API, OTHER)),
    ev.InventoryList(AT, "", "nodes", ()),
]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "podwire"


def app_of(contexts: Any = lambda: ["dev", "prod"], events: list[ev.Event] = EVENTS) -> PodwireApp:
    _, control = replayed(events)

    async def opening() -> OpenConsole:
        control.start()
        return OpenConsole(control, "", contexts=contexts)

    return PodwireApp(opening)


async def typed(pilot: Pilot[int], line: str) -> None:
    names = {" ": "space", "/": "slash", "-": "minus"}
    await pilot.press("colon")
    await pilot.pause(0.2)
    await pilot.press(*(names.get(letter, letter) for letter in line), "enter")
    await pilot.pause(0.5)


def said(app: PodwireApp) -> list[str]:
    return [one.message for one in app._notifications]


async def test_a_namespace_is_gone_to_from_any_screen() -> None:
    app = app_of()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause(0.8)
        await pilot.press("d")
        await pilot.pause(0.5)
        await typed(pilot, "ns bank")
        screen = app.screen
        assert isinstance(screen, ClusterScreen) and screen.namespace == "bank"
        assert [row.name for row in screen.main.rows] == ["ledger-0"]
        await typed(pilot, "ns all")
        assert screen.namespace == "" and len(screen.main.rows) == 3
        await typed(pilot, "ns bnak")
        assert said(app) == ["There is no namespace 'bnak' in this cluster. Is it bank?"]


async def test_lists_and_targets_are_commands() -> None:
    app = app_of()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause(0.8)
        await typed(pilot, "no")
        assert isinstance(app.screen, ClusterScreen) and app.screen.view == "nodes"
        await typed(pilot, "bank/ledger-0")
        assert getattr(app.screen, "key", "") == "pod/bank/ledger-0"
        await typed(pilot, "nonsense")
        assert said(app) == ["There is no command 'nonsense'."]


async def test_another_context_is_gone_to_by_leaving() -> None:
    app = app_of()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause(0.8)
        await typed(pilot, "ctx stage")
        assert app.switch_to is None
        assert said(app) == ["There is no context 'stage' in the kubeconfig."]
        await typed(pilot, "ctx dev shop")
    assert app.return_code == 0 and app.switch_to == ContextSwitch("dev", "shop")


async def test_login_opens_the_same_context_again() -> None:
    app = app_of()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause(0.8)
        await typed(pilot, "login")
    assert app.return_code == 0 and app.switch_to == ContextSwitch("prod", "")


async def test_a_running_capture_is_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    app = app_of()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause(0.8)
        monkeypatch.setattr(app.control.captures, "any_running", lambda: True)
        await typed(pilot, "ctx dev")
        assert type(app.screen).__name__ == "Confirm" and app.switch_to is None
        await pilot.press("escape")
        await pilot.pause(0.2)
        assert isinstance(app.screen, ClusterScreen) and app.is_running
        await typed(pilot, "ctx dev")
        await pilot.press("y")
        await pilot.pause(0.2)
    assert app.switch_to == ContextSwitch("dev")


async def test_what_has_no_kubeconfig_says_so() -> None:
    app = app_of(contexts=None)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause(0.8)
        await typed(pilot, "ctx dev")
        assert said(app)[0].startswith("This console cannot go to another context")
        assert app.is_running and app.switch_to is None


async def test_where_one_namespace_is_listed_another_is_another_connection() -> None:
    events = [EVENTS[0], ev.InventoryList(AT, "", "pods", (POD, API), namespace="shop")]
    app = app_of(events=events)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause(0.8)
        await typed(pilot, "ns bank")
    assert app.switch_to == ContextSwitch("prod", "bank")


async def test_favourites_are_kept_and_gone_to(state: Path) -> None:
    app = app_of()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause(0.8)
        await typed(pilot, "ns bank")
        await typed(pilot, "keep")
        assert Favourites(state).places == [ContextNamespace("prod", "bank")]
        await typed(pilot, "ns all")
        await typed(pilot, "fav")  # shows them; the first is one key away
        await pilot.press("down", "enter")
        await pilot.pause(0.5)
        assert isinstance(app.screen, ClusterScreen) and app.screen.namespace == "bank"
        await typed(pilot, "forget prod bank")
        assert Favourites(state).places == []
        await typed(pilot, "forget prod")  # of a context that there is
        said = [note.message for note in app._notifications]
    assert said[-2:] == ["prod bank is no longer a favourite.", "prod is no favourite."]
