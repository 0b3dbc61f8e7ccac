"""The keys of a replay, and what every screen's header says of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from benchmarks.session_hour import BEGAN, POD, write
from collectors.recording.event_log import RecordingSource
from collectors.recording.session_reader import SessionReader
from collectors.stream import Stream
from session.controller import Controller
from session.opened_recording import converted
from session.replay_player import ReplayPlayer
from session.replay_source import ReplaySource
from session.session_archive import SessionArchive
from session.store import Store
from tests.support.replay import console
from tui.actions import ACTIONS
from tui.app import OpenConsole, PodwireApp
from tui.screens.flow import FlowScreen
from tui.widgets.header import Header
from tui.widgets.row_list import RowList

SECONDS = 260
AT = 100.0


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("session")
    write(directory, SECONDS)
    return directory


def replaying(directory: Path, first: str = "") -> PodwireApp:
    """An app on a session, at a time of it; at the end of one that has a target of that kind."""

    async def opening() -> OpenConsole:
        control = Controller(Store(), Stream())
        control.painted.clear()
        control.start()
        archive = SessionArchive(SessionReader(directory))
        source = ReplaySource(archive, control.stream)
        at = archive.ended if first else BEGAN + AT
        await ReplayPlayer(control, source, with_rules=False).move(at)
        kind = first or POD
        return OpenConsole(control, next(k for k in control.store.targets if k.startswith(kind)))

    return PodwireApp(opening)


async def begun(pilot: Pilot[int]) -> None:
    for _ in range(50):
        await pilot.pause(0.1)
        screen = pilot.app.screen  # of one moment: a screen may be pushed between two questions
        if screen.query(Header) and header(pilot).startswith(" podwire  pod"):
            return


def header(pilot: Pilot[int]) -> str:
    return str(pilot.app.screen.query_one(Header).render())


async def until(pilot: Pilot[int], ready: Callable[[], bool]) -> None:
    for _ in range(80):
        if ready():
            return
        await pilot.pause(0.1)
    raise AssertionError(header(pilot))


async def shows(pilot: Pilot[int], words: str) -> None:
    for _ in range(80):
        if words in header(pilot):
            return
        await pilot.pause(0.1)
    raise AssertionError(f"{words!r} is not in {header(pilot)!r}")


async def test_each_key_and_what_the_header_says(session: Path) -> None:
    app = replaying(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await begun(pilot)
        await shows(pilot, "recorded 08:01:40 x1 paused")
        await pilot.press("full_stop", "full_stop", "comma")
        await shows(pilot, "08:01:50 x1 paused")
        await pilot.press("l", "h", "h")
        await shows(pilot, "08:00:50 x1 paused")
        await pilot.press("right_curly_bracket")
        await shows(pilot, "08:02:00 x1 paused")
        await shows(pilot, "1 warning")
        await pilot.press("left_curly_bracket")
        await pilot.pause(1.0)
        assert "08:02:00" in header(pilot), "there is no finding before"
        await pilot.press("asterisk")
        await until(pilot, lambda: isinstance(app.screen.focused, Input))
        await pilot.press(*"hm", "enter")
        await until(pilot, lambda: bool(app.player and app.player.source.archive.mark_times))
        await pilot.press("l")
        await shows(pilot, "08:03:00")
        await pilot.press("left_parenthesis")
        await shows(pilot, "08:02:0")
        await pilot.press("right_parenthesis", "h", "right_parenthesis")
        await shows(pilot, "08:02:0")
        await pilot.press("greater_than_sign", "greater_than_sign", "less_than_sign", "P")
        await until(pilot, lambda: "x2 " in header(pilot) and "paused" not in header(pilot))
        await pilot.press("P")
        await shows(pilot, "x2 paused")


async def test_a_time_is_typed(session: Path) -> None:
    app = replaying(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await begun(pilot)
        for typed, wanted in (("08:03", "08:03:00"), ("-90", "08:01:30"), ("noon", "08:01:30")):
            await pilot.press("at")
            await until(pilot, lambda: isinstance(app.screen.focused, Input))
            await pilot.press(*typed, "enter")
            await shows(pilot, wanted)
        (said,) = (
            one.message for one in app._notifications if "'noon' is not a time" in one.message
        )
        assert "+90, -5m" in said, "as the help says"
        await pilot.press("H")
        await pilot.pause(0.2)
        assert any("nobody drives it but you" in one.message for one in app._notifications)


async def test_every_screen_says_it_and_follows(session: Path) -> None:
    app = replaying(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await begun(pilot)
        for keys in (["d"], ["t"], ["5"]):
            await pilot.press(*keys)
            await shows(pilot, "recorded 08:01:40 x1 paused")
            await pilot.press("full_stop")
            await shows(pilot, "recorded 08:01:50 x1 paused")
            await pilot.press("comma")
            await shows(pilot, "recorded 08:01:40")
            await pilot.press("escape")
            await shows(pilot, " podwire  cluster" if keys == ["5"] else " podwire  pod")


async def test_a_flow_of_another_time_is_left(session: Path) -> None:
    app = replaying(session)
    async with app.run_test(size=(120, 40)) as pilot:
        await begun(pilot)
        await pilot.press("2")
        await until(pilot, lambda: bool(app.screen.query_one("#list", RowList).rows))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, FlowScreen))
        await pilot.press("h")
        await shows(pilot, "08:00:40")
        await until(pilot, lambda: not isinstance(app.screen, FlowScreen))


async def test_where_nothing_is_replayed_the_keys_do_nothing(recording: Path) -> None:
    app = console(recording)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "recorded" in header(pilot))
        before = header(pilot)
        await pilot.press("P", "greater_than_sign", "full_stop", "at", "right_curly_bracket")
        await pilot.pause(0.4)
        assert header(pilot) == before and not isinstance(app.screen.focused, Input)


def test_no_key_means_two_things_on_one_screen() -> None:
    def keys(where: str) -> set[str]:
        every = (action.key for action in ACTIONS if action.where == where)
        return {key for several in every for key in several.split(",")}

    others = {action.where for action in ACTIONS} - {"replay"}
    assert not {
        where: keys(where) & keys("replay") for where in others if keys(where) & keys("replay")
    }


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
def test_how_it_looks(
    snap_compare: Callable[..., bool], recording: Path, tmp_path: Path, size: tuple[int, int]
) -> None:
    """A session of the lab, a while before its end."""
    directory = converted(RecordingSource(recording, Stream()), tmp_path)

    async def there(pilot: Pilot[int]) -> None:
        await begun(pilot)
        await pilot.press("greater_than_sign", "greater_than_sign", "comma")
        await shows(pilot, "x4 paused")
        await pilot.pause(1.5)

    app = replaying(directory, "pod/")
    assert snap_compare(app, terminal_size=size, run_before=there)
