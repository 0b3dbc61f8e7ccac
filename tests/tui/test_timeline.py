"""The timeline: what came first, in one look; and a mark with a note by its author."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from dataclasses import replace

import pytest

from collectors import events as ev
from collectors.findings import Evidence, Finding, Subject
from session.replay_player import ReplayClock
from session.store import Store
from session.timeline import TimelineEntry, joined
from tests.support.incident import BEGAN, NODE, full_table
from tests.support.replay import console
from tests.support.snapshots import POD
from tui.screens.base import clock_text
from tui.screens.timeline import TimelineScreen, columns
from tui.widgets.row_list import RowList

DAY = 86_400.0
FULL = Finding(
    rule="conntrack_full",
    severity="critical",
    subject=Subject(kind="node", name="n1"),
    title="The conntrack table is full",
    evidence=(Evidence("10,000 of 10,000", "nf_conntrack_count"),),
)


def events() -> list[ev.Event]:
    web = replace(POD, program="v1")
    rolled = replace(web, name="web-2", uid="u9", ip="10.1.0.9", program="v2")
    also: list[ev.Event] = [
        ev.InventoryList(BEGAN, "", "pods", (web,)),
        ev.Command(BEGAN + 2, NODE, "alice", "create pods", "default/podwire-node-1", "created"),
        ev.InventoryChange(BEGAN + 25, "", "ADDED", rolled),
        ev.InventoryChange(
            BEGAN + 28, "", "MODIFIED", replace(web, restarts=1, message="OOMKilled")
        ),
        ev.FindingEvent(BEGAN + 32, "", "appeared", FULL, BEGAN + 30),
        ev.Mark(BEGAN + 50, NODE, "alice", "we roll back"),
        ev.FindingEvent(BEGAN + 72, "", "gone", FULL),
        ev.TargetState(BEGAN + 119.5, NODE, "gap", "the stream broke off"),
    ]
    return sorted([*full_table(), *also], key=lambda event: event.at)


@pytest.mark.parametrize(
    "size", [(80, 24), (120, 40), (200, 50)], ids=["80x24", "120x40", "200x50"]
)
def test_what_came_first(snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    async def stable(pilot) -> None:  # type: ignore[no-untyped-def]
        await pilot.pause(0.8)
        await pilot.press("t", "v", "v")
        await pilot.pause(0.8)

    assert snap_compare(console(events(), "node"), terminal_size=size, run_before=stable)


def test_a_line_of_another_day_has_its_date() -> None:
    store = Store()
    store.apply(ev.Mark(BEGAN, "", "alice", "before midnight"))
    store.apply(ev.Mark(BEGAN + DAY, "", "alice", "after it"))
    first, second = columns(store)[:2]
    cells = [(first.cell(one), second.cell(one)) for one in joined(store.timeline, store.findings)]
    assert cells == [("11-14 22:13:20", ""), ("22:13:20", "")]
    over_midnight = TimelineEntry(BEGAN, "gap", "", "", until=BEGAN + DAY)
    assert second.cell(over_midnight) == ("11-15 22:13:20", "dim")
    clock = ReplayClock(BEGAN, 4.0, playing=True, at_end=False, of_days=True)
    assert clock_text(clock) == "2023-11-14 22:13:20 x4"
    looking = ReplayClock(BEGAN, 1.0, playing=False, at_end=True, looked=0.345)
    assert clock_text(looking) == "22:13:20 x1 end, rules at 34 %"


async def test_lines_stand_in_the_order_of_time_and_esc_goes_back() -> None:
    app = console(events(), "node")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause(0.8)
        await pilot.press("t")
        await pilot.pause(0.8)
        rows = app.screen.query_one("#timeline", RowList).rows
        kinds = [row.kind for row in rows if "sysctl" not in row.text]
        assert kinds == ["write", "pod", "rollout", "restart", "finding", "mark", "gap"]
        await pilot.press("enter")
        await pilot.pause(0.2)
        screen = app.screen
        assert isinstance(screen, TimelineScreen) and screen.time.until is not None
        await pilot.press("escape", "escape")
        await pilot.pause(0.2)
        assert not isinstance(app.screen, TimelineScreen)


async def test_a_mark_has_a_note_and_its_author() -> None:
    app = console(events(), "node")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause(0.8)
        await pilot.press("asterisk")
        await pilot.pause(0.4)
        await pilot.press(*"it is q", "escape")
        await pilot.pause(0.2)
        await pilot.press("asterisk")
        await pilot.pause(0.4)
        await pilot.press(*"we drain n1", "enter")
        await pilot.pause(0.8)
        *_, mark = (one for one in app.control.store.timeline.entries if one.kind == "mark")
        assert (mark.text, mark.author, mark.where) == ("we drain n1", getpass.getuser(), "n1")
