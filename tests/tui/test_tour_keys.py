"""The tour of `podwire demo`: one line over the footer, the next step by its key, esc ends it."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable

import pytest
from rich.console import Console
from rich.text import Text
from textual.pilot import Pilot

from cli.config import Config
from cli.console_session import DEMO, ConsoleSession
from cli.recorder import Recorders
from collectors import events as ev
from collectors.privacy.secret_patterns import without_secrets
from collectors.privacy.text_map import map_text
from collectors.recording.event_log import read
from session.session_files import opened
from tests.support.shared_session import until
from tui.app import OpenConsole, PodwireApp
from tui.screens.findings import FindingsScreen
from tui.screens.flow import FlowScreen
from tui.screens.target import TargetScreen
from tui.screens.timeline import TimelineScreen
from tui.tour import STEPS, Tour
from tui.tour_keys import TourLine
from tui.widgets.header import Header
from tui.widgets.row_list import RowList

pytestmark = pytest.mark.slow

Press = Callable[[Pilot[int]], object]
SIZES = pytest.mark.parametrize(
    "size", [(80, 24), (120, 40), (200, 50)], ids=["80x24", "120x40", "200x50"]
)


def demo() -> PodwireApp:
    """As `podwire demo` opens it."""
    options = argparse.Namespace(command="demo", no_capture=True)
    sessions: list[ConsoleSession] = []  # what is unpacked goes with them

    async def opening() -> OpenConsole:
        session = ConsoleSession(options, Recorders(options, Config()))
        sessions.append(session)
        first = await session.open(None, None)
        return OpenConsole(session.control, first, is_demo=True)

    return PodwireApp(opening)


async def shown(pilot: Pilot[int]) -> str:
    """The line of the tour; '' where there is none."""
    await pilot.pause(0.6)
    lines = pilot.app.screen.query(TourLine)
    return str(lines.first().render()) if lines else ""


async def ready(pilot: Pilot[int]) -> None:
    for _ in range(200):
        await pilot.pause(0.05)
        if pilot.app.screen.query(TourLine):
            break
    await pilot.pause(0.6)


def press(*keys: str) -> Press:
    async def pressed(pilot: Pilot[int]) -> None:
        await ready(pilot)
        for key in keys:
            await pilot.press(key)
            await pilot.pause(1.0)

    return pressed


@SIZES
def test_it_opens_on_a_pod_before_anything_is_wrong(
    snap_compare: Callable[..., bool], size: tuple[int, int]
) -> None:
    assert snap_compare(demo(), terminal_size=size, run_before=press())


@SIZES
def test_what_was_found(snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    keys = ("P", "P", "right_curly_bracket", "d")
    assert snap_compare(demo(), terminal_size=size, run_before=press(*keys))


async def test_each_step_is_done_by_its_key_and_shows_what_it_says() -> None:
    screens: list[type[object]] = []
    async with demo().run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        for number, step in enumerate(STEPS, 1):
            assert (await shown(pilot)).startswith(f"{number} of 8, esc ends it:  {step.shown}  ")
            await pilot.press(step.key)
            if step.key == "P":
                await pilot.press("P")  # it plays on otherwise
            await pilot.pause(1.5)
            screens.append(type(pilot.app.screen))
        assert await shown(pilot) == ""
    target = TargetScreen
    expected = [target, target, FindingsScreen, target, target, target, FlowScreen, TimelineScreen]
    assert screens == expected


def test_each_line_fits_into_80_columns() -> None:
    tour = Tour()
    for step in STEPS:
        assert len(tour.text) <= 78
        assert tour.pressed(step.key)
    assert tour.is_over and tour.text == ""


@pytest.mark.parametrize(
    ("size", "says"),
    [
        ((30, 10), "too small: podwire needs 40 x 12."),
        ((40, 15), "small: 80 x 24 shows all."),
    ],
    ids=["30x10", "40x15"],
)
async def test_on_a_small_terminal_each_step_is_there_with_something_to_look_at(
    size: tuple[int, int], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On two lines, under rows of the list: graphs have no room."""
    said: list[str] = []  # whenever: a message is shown for some seconds
    monkeypatch.setattr(PodwireApp, "notify", lambda _, message, **options: said.append(message))
    async with demo().run_test(size=size) as pilot:
        await ready(pilot)
        await until(lambda: said)  # the app looks once a second
        assert said == [f"{size[0]} x {size[1]} is {says}"]
        for number, step in enumerate(STEPS, 1):
            line = pilot.app.screen.query_one(TourLine)
            assert (await shown(pilot)).startswith(f"{number}/8 {step.shown}: {step.text[:10]}")
            assert line.region.height == 2 and line.region.bottom <= size[1] - 1
            wrapped = Text(line.text).wrap(Console(), line.content_size.width)
            assert len(wrapped) <= 2, "no word is cut"
            header = pilot.app.screen.query_one(Header).region
            rows = pilot.app.screen.query(RowList).first().region
            assert header.y == 0 and rows.height >= 2 and rows.bottom <= line.region.y
            await pilot.press(step.key)
            if step.key == "P":
                await pilot.press("P")
            await pilot.pause(1.0)
        assert await shown(pilot) == ""


async def test_the_key_of_graphs_shows_them_on_a_small_terminal() -> None:
    async with demo().run_test(size=(40, 12)) as pilot:
        await ready(pilot)
        graphs = pilot.app.screen.query_one("#graphs")
        shown_by_zoom = []
        for _ in range(3):
            shown_by_zoom.append(graphs.display)
            pilot.app.screen.action_zoom()  # type: ignore[attr-defined]
        assert shown_by_zoom == [False, False, True]
        await pilot.resize_terminal(80, 24)
        await pilot.pause(0.3)
        assert graphs.display


async def test_another_key_does_what_it_does_and_the_step_stays() -> None:
    async with demo().run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        before = await shown(pilot)
        await pilot.press("4")
        assert await shown(pilot) == before.strip()
        screen = pilot.app.screen
        assert isinstance(screen, TargetScreen) and screen.shown_view == "sockets"


async def test_esc_ends_it_and_does_nothing_else() -> None:
    async with demo().run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        screen = pilot.app.screen
        await pilot.press("escape")
        assert await shown(pilot) == "" and pilot.app.screen is screen
        await pilot.press("d")
        await pilot.pause(0.5)
        assert await shown(pilot) == ""
        await pilot.press("escape")
        await pilot.pause(0.5)
        assert pilot.app.screen is screen, "from now on it goes back"


async def test_in_a_dialog_esc_is_the_dialogs() -> None:
    async with demo().run_test(size=(120, 40)) as pilot:
        await ready(pilot)
        await pilot.press("question_mark")
        await pilot.pause(0.5)
        await pilot.press("escape")
        assert (await shown(pilot)).startswith("1 of 8, ")


def test_the_recording_is_small_and_says_nothing_of_who_made_it() -> None:
    assert 50_000 < DEMO.stat().st_size < 1_000_000
    texts: list[str] = []
    people: set[str] = set()

    def noted(text: str) -> str:
        texts.append(text)
        return text

    with contextlib.ExitStack() as places:
        for event in read(opened(DEMO, places)):
            map_text(event, noted)
            if isinstance(event, ev.Mark):
                people.add(event.author)
            elif isinstance(event, ev.SessionStart):
                people |= {event.user, event.context}
    assert people == {"operator", "lab"}
    assert len(texts) > 1_000 and not [text for text in texts if without_secrets(text) != text]
