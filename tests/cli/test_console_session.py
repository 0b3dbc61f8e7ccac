"""What a recording opens: all that was open in it, each pod with its own node, over its cluster."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from cli.config import Config
from cli.console_session import ConsoleSession
from cli.recorder import Recorders
from collectors import events as ev
from collectors.findings import Evidence, Finding, Subject
from collectors.recording.session_log import SessionWriter
from tests.support.snapshots import API, NODE, OTHER, POD
from tui.app import OpenConsole, PodwireApp
from tui.screens.cluster import ClusterScreen
from tui.screens.connectivity_matrix import MatrixScreen
from tui.screens.findings import FindingsScreen
from tui.screens.target import TargetScreen
from tui.widgets.header import Header

pytestmark = pytest.mark.slow

AT = 1.7e9
WEB, BACKEND = "pod/shop/web-1", "pod/shop/api-1"  # of nodes n1 and n2
FINDING = Finding(
    rule="cpu-steal",
    severity="warning",
    subject=Subject(kind="node", name="n2"),
    title="CPU is stolen",
    evidence=(Evidence("12% steal", "/proc/stat", AT, "node n2"),),
    screen="node",
)


def app_of(directory: Path, *opened: str) -> PodwireApp:
    """A replay of a session in which these were opened, in this order."""
    events: list[ev.Event] = [
        ev.SessionStart(AT, "", "prod", "alice", "shop", "v1.36"),
        ev.InventoryList(AT, "", "pods", (POD, API)),
        ev.InventoryList(AT, "", "nodes", (NODE, OTHER)),
        ev.InventoryList(AT, "", "services", ()),
    ]
    events += [ev.TargetState(AT + n, key, "live") for n, key in enumerate(opened, 1)]
    events += [ev.FindingEvent(AT + 8, "", "appeared", FINDING, AT + 8)]
    writer = SessionWriter(directory)
    writer.write([*events, ev.RecordingEnd(AT + 9, "")])
    writer.close()
    options = argparse.Namespace(
        command="replay", file=directory, rules="recorded", at="", no_capture=True
    )

    async def opening() -> OpenConsole:
        session = ConsoleSession(options, Recorders(options, Config()))
        return OpenConsole(session.control, await session.open(None, None))

    return PodwireApp(opening)


async def until(pilot: Pilot[int], ready: Callable[[], bool]) -> None:
    for _ in range(80):
        if ready():
            return
        await pilot.pause(0.1)
    raise AssertionError(pilot.app.screen)


def shown(pilot: Pilot[int]) -> tuple[str, str]:
    screen = pilot.app.screen
    if isinstance(screen, TargetScreen) and screen.query(Header):
        return screen.key, screen.node
    return "", ""


async def test_a_pod_is_beside_its_own_node(tmp_path: Path) -> None:
    app = app_of(tmp_path, "node/n1", "node/n2", BACKEND)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: shown(pilot) == (BACKEND, "node/n2"))
        await until(pilot, lambda: "@ n2" in str(app.screen.query_one(Header).render()))


async def test_no_node_rather_than_another(tmp_path: Path) -> None:
    app = app_of(tmp_path, "node/n1", BACKEND)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: shown(pilot) == (BACKEND, ""))


async def test_each_target_has_its_tab_over_the_cluster(tmp_path: Path) -> None:
    app = app_of(tmp_path, "node/n2", WEB, BACKEND)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: shown(pilot) == (WEB, ""))
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: shown(pilot) == (BACKEND, "node/n2"))
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: shown(pilot) == ("node/n2", ""))
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: isinstance(app.screen, ClusterScreen))
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: shown(pilot) == ("node/n2", ""))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ClusterScreen))
        await pilot.press("M")
        await until(pilot, lambda: isinstance(app.screen, MatrixScreen))


async def test_a_finding_opens_what_was_recorded_of_it(tmp_path: Path) -> None:
    app = app_of(tmp_path, WEB, "node/n2")
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: shown(pilot) == (WEB, ""))
        await pilot.press("d")
        await until(pilot, lambda: getattr(app.screen, "_shown", None) is not None)
        assert isinstance(app.screen, FindingsScreen)
        await pilot.press("s")
        await until(pilot, lambda: shown(pilot) == ("node/n2", ""))


async def test_a_tab_that_was_never_shown_is_the_next_when_one_is_closed(tmp_path: Path) -> None:
    app = app_of(tmp_path, WEB, BACKEND)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: shown(pilot) == (WEB, ""))
        await pilot.press("ctrl+w")
        await until(pilot, lambda: isinstance(app.screen, ClusterScreen))
        await pilot.press("right_square_bracket")
        await until(pilot, lambda: shown(pilot) == (BACKEND, ""))


async def test_only_what_was_open_is_opened_from_the_lists(tmp_path: Path) -> None:
    app = app_of(tmp_path, WEB)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: shown(pilot) == (WEB, ""))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ClusterScreen))
        assert isinstance(app.screen, ClusterScreen)
        app.screen.open_row(API)
        await until(
            pilot, lambda: any("was not open when" in n.message for n in app._notifications)
        )
        assert BACKEND not in app.control.store.targets
        app.screen.action_local()
        await pilot.pause(0.2)
        assert isinstance(app.screen, ClusterScreen), "this machine is not of the recording"
