"""Two consoles of one session: the driver's, and one that joined."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from benchmarks.session_hour import NODE, POD, HourOfEvents
from collectors.events import TargetState
from collectors.stream import Stream
from session.controller import Controller
from session.engine import login_name
from session.share.frames import saying
from session.share.joining import joined
from session.share.links import SocketLink
from session.share.place import found_session
from session.share.viewer_source import ViewerSource
from session.store import Store
from session.targets import CLOSED
from tests.support.replay import opened
from tests.support.shared_session import driving
from tui.app import OpenConsole, PodwireApp
from tui.screens.people import PeopleScreen
from tui.screens.timeline import TimelineScreen
from tui.widgets.header import Header
from tui.widgets.row_list import RowList

SIZE = (120, 40)
Two = tuple[Pilot[int], Pilot[int]]


@pytest.fixture(autouse=True)
def _runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


def joining() -> PodwireApp:
    async def opening() -> OpenConsole:
        control = Controller(Store(), Stream())
        control.painted.clear()
        await joined(control, SocketLink(found_session()))
        return OpenConsole(control, "")

    return PodwireApp(opening)


@contextlib.asynccontextmanager
async def two_consoles() -> AsyncIterator[Two]:
    """The driver's on a pod, and the other at the cluster's lists."""
    async with driving() as driver:
        made = HourOfEvents()
        for event in [*made.beginning(), *made.second(0)]:
            driver.stream.publish(event)
        await driver.stream.caught_up()
        async with opened(driver, POD).run_test(size=SIZE) as one:
            await shown(one, lambda: header(one).startswith(" podwire  pod"))
            viewer = joining()
            async with viewer.run_test(size=SIZE) as other:
                await shown(other, lambda: "joined" in header(other))
                yield one, other
            await viewer.control.close()


async def shown(pilot: Pilot[int], ready: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not (pilot.app.screen.query(Header) and ready()):
            await pilot.pause(0.05)


def header(pilot: Pilot[int]) -> str:
    return pilot.app.screen.query_one(Header).render().plain


def said(pilot: Pilot[int]) -> str:
    return " ".join(one.message for one in pilot.app._notifications)


async def test_both_headers_say_that_it_is_shared() -> None:
    async with two_consoles() as (driver, viewer):
        assert f"joined {login_name()}" in header(viewer)
        await shown(driver, lambda: "shared, 1 joined" in header(driver))
        await driver.press("S")
        await shown(viewer, lambda: "not live" in header(viewer))
        assert "no longer shares this session" in viewer.app.control.joined.message  # type: ignore[attr-defined]
        await shown(viewer, lambda: "no longer shares this session" in said(viewer))
        assert re.search(rf"{login_name()} stopped sharing at \d\d:\d\d:\d\d ", header(viewer))
        await shown(driver, lambda: "shared" not in header(driver))
        await driver.press("S")
        await shown(driver, lambda: "shared, 0 joined" in header(driver))


async def test_who_is_there_and_where_each_one_looks() -> None:
    async with two_consoles() as (driver, viewer):
        for pilot in (driver, viewer):
            await pilot.press("W")
            await shown(pilot, lambda p=pilot: isinstance(p.app.screen, PeopleScreen))  # type: ignore[misc]

            def looks(pilot: Pilot[int] = pilot) -> list[str]:
                rows = pilot.app.screen.query_one("#people", RowList).rows
                return [person.look.screen for person in rows]

            wanted = ["people", "cluster"] if pilot is driver else ["people", "people"]
            await shown(pilot, lambda w=wanted, f=looks: f() == w)  # type: ignore[misc]
        await viewer.press("escape")
        await viewer.pause(0.1)
        assert not isinstance(viewer.app.screen, PeopleScreen)


async def test_following_goes_where_the_driver_goes_and_stops() -> None:
    async with two_consoles() as (driver, viewer):
        await viewer.press("F")
        await shown(viewer, lambda: "pod web-1 @ n1" in header(viewer))
        await driver.press("4")
        await shown(viewer, lambda: viewer.app.screen.shown_view == "sockets")  # type: ignore[attr-defined]
        await driver.press("t")
        await shown(viewer, lambda: isinstance(viewer.app.screen, TimelineScreen))
        await viewer.press("F", "escape")
        await driver.press("escape", "5")
        await driver.pause(1.0)
        assert viewer.app.screen.shown_view == "sockets"  # type: ignore[attr-defined]


async def test_a_hand_over_by_one_key_each_and_the_owner_follows() -> None:
    async with two_consoles() as (owner, viewer):
        name = f"{login_name()} \\(\\d+\\)"
        await viewer.press("H")
        await shown(viewer, lambda: "you asked to drive" in header(viewer))
        await shown(
            owner, lambda: re.search(f"{name} asks to drive: H ", header(owner)) is not None
        )
        await shown(owner, lambda: "asks to drive: H grants it" in said(owner))
        await owner.press("H")
        await shown(owner, lambda: re.search(f"{name} drives ", header(owner)) is not None)
        await shown(viewer, lambda: "you drive" in header(viewer))
        await viewer.press("L")
        assert f"joined: {login_name()} does it" in said(viewer)
        await owner.press("F")
        await viewer.press("t")
        await shown(owner, lambda: isinstance(owner.app.screen, TimelineScreen))
        await viewer.press("W")
        await shown(viewer, lambda: isinstance(viewer.app.screen, PeopleScreen))
        await viewer.press("H")
        await shown(owner, lambda: "shared, 1 joined  " in header(owner))
        await shown(owner, lambda: "You drive: F follows" in said(owner))


async def test_after_the_owner_left_nobody_drives() -> None:
    """Not the one who did, and nobody is followed or asked."""
    async with two_consoles() as (owner, viewer):
        await viewer.press("H")
        await shown(owner, lambda: "asks to drive" in header(owner))
        await owner.press("H")
        await shown(viewer, lambda: "you drive" in header(viewer))
        await owner.app.control.close()  # type: ignore[attr-defined]
        left = rf"{login_name()} left at \d\d:\d\d:\d\d  ✕ not live"
        await shown(viewer, lambda: re.search(left, header(viewer)) is not None)
        assert "drive" not in header(viewer)
        assert viewer.app.control.joined.message == f"{login_name()} left: this session is over."  # type: ignore[attr-defined]
        await shown(viewer, lambda: "this session is over" in said(viewer))
        viewer.app.clear_notifications()
        await viewer.press("F", "H")
        await viewer.pause(0.2)
        assert said(viewer).count("this session is over") == 2 and "drive" not in said(viewer)
        await viewer.press("W")
        await shown(viewer, lambda: isinstance(viewer.app.screen, PeopleScreen))
        assert not viewer.app.screen.query_one("#people", RowList).rows


async def test_following_waits_while_one_types() -> None:
    async with two_consoles() as (driver, viewer):
        await viewer.press("F")
        await shown(viewer, lambda: "pod web-1 @ n1" in header(viewer))
        await viewer.press("left_square_bracket", "slash", "w")
        await viewer.pause(0.2)
        box = viewer.app.focused
        assert isinstance(box, Input) and box.value == "w"
        await driver.press("t")
        await driver.pause(1.5)
        assert viewer.app.focused is box, "nobody is moved away from a text"
        await viewer.press("e", "escape")
        await shown(viewer, lambda: isinstance(viewer.app.screen, TimelineScreen))
        viewer.app._typing._last = time.monotonic() + 60.0  # type: ignore[attr-defined]
        await driver.press("t", "4")
        await driver.pause(1.0)
        assert isinstance(viewer.app.screen, TimelineScreen), "a key was just pressed"
        viewer.app._typing._last = 0.0  # type: ignore[attr-defined]
        await shown(viewer, lambda: "pod web-1 @ n1" in header(viewer))


async def test_the_owner_opens_and_counts_nothing_by_following() -> None:
    async with two_consoles() as (owner, viewer):
        ran: list[str] = []
        control = owner.app.control  # type: ignore[attr-defined]
        control.targets.count_conntrack = ran.append
        before = list(control.targets.tabs)
        await viewer.press("H")
        await shown(owner, lambda: "asks to drive" in header(owner))
        await owner.press("H", "F")
        source = viewer.app.control.joined  # type: ignore[attr-defined]
        for screen, key, view in (
            ("target", "pod/shop/other", "sockets"),
            ("target", NODE, "counters"),
            ("target", POD, "conntrack"),
        ):
            source.looks = lambda look: None
            source._say(saying("look", screen=screen, key=key, view=view))
            await shown(owner, lambda k=key: control.sharing.driver.look.key == k)  # type: ignore[misc]
            await owner.pause(0.7)
        assert not ran and control.targets.tabs == before
        assert owner.app.screen.key == POD and owner.app.screen.shown_view != "conntrack"  # type: ignore[attr-defined]


async def test_a_silent_driver_and_a_closed_target_are_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with two_consoles() as (owner, viewer):
        await viewer.press("F")
        await shown(viewer, lambda: "pod web-1 @ n1" in header(viewer))
        monkeypatch.setattr(ViewerSource, "silent_s", 12.4)
        await shown(viewer, lambda: f"{login_name()} is silent for 12 s" in header(viewer))
        monkeypatch.setattr(ViewerSource, "silent_s", 1.0)
        await shown(viewer, lambda: "silent" not in header(viewer))
        stream = owner.app.control.stream  # type: ignore[attr-defined]
        stream.publish(TargetState(time.time(), POD, "ended", CLOSED))
        await shown(viewer, lambda: f"at {login_name()}'s console: {CLOSED}." in said(viewer))
        await shown(viewer, lambda: "ended" in header(viewer))
        await viewer.pause(1.0)
        assert said(viewer).count(CLOSED) == 1


async def test_what_writes_or_runs_is_refused_with_a_sentence() -> None:
    async with two_consoles() as (_, viewer):
        control = viewer.app.control  # type: ignore[attr-defined]
        for key in ("L", "x"):
            viewer.app.clear_notifications()
            await viewer.press(key)
            await viewer.pause(0.1)
            assert f"joined: {login_name()} does it" in said(viewer), key
        await viewer.press("F")
        await shown(viewer, lambda: "pod web-1" in header(viewer))
        for key in ("c", "e", "slash"):
            viewer.app.clear_notifications()
            await viewer.press(key)
            await viewer.pause(0.1)
            assert f"joined: {login_name()} does it" in said(viewer), key
        await viewer.press("6")
        viewer.app.clear_notifications()
        await viewer.press("r")
        await viewer.pause(0.1)
        assert "joined: " in said(viewer)
        assert control.targets.attachments() == [] and not control.captures.any_running()


async def test_a_mark_by_its_key_is_on_the_drivers_timeline() -> None:
    async with two_consoles() as (driver, viewer):
        await viewer.press("asterisk", *"look", "enter")
        entries = driver.app.control.store.timeline  # type: ignore[attr-defined]
        await shown(driver, lambda: any(e.text == "look" for e in entries.entries))
        assert "recording" not in said(viewer)
