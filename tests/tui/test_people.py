"""Who is in a shared session, at the usual sizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from textual.pilot import Pilot

from session.share.person import Person, ScreenLook
from session.sharing import LIVE_ONLY
from tests.support.replay import console
from tui.app import PodwireApp
from tui.screens.base import ConsoleScreen
from tui.screens.people import PeopleScreen
from tui.widgets.row_list import RowList

AT = 1_767_225_600.0
PEOPLE = [
    Person("alice", 0, AT, ScreenLook("target", "pod/shop/web-5d8f", "flows")),
    Person("bob", 4_211, AT + 65, ScreenLook("findings"), drives=True, number=1),
    Person("carol", 4_500, AT + 130, ScreenLook("cluster", "", "pods"), number=2, asks=True),
    Person(
        "dave.of-a-long-login-name",
        4_302_117,
        AT + 700,
        ScreenLook("target", "pod/payments/ledger-write-ahead-7c9d5bd4f-x2x9z", "packets"),
        lost=20_514,
        number=3,
    ),
]
REFUSED = "mallory (process 6666): another user: only the one who shares may join"


def shared(recording: Path) -> PodwireApp:
    app = console(recording)
    app.control.now = lambda: AT + 900  # type: ignore[method-assign]
    app.control.sharing.share = SimpleNamespace(  # type: ignore[assignment]
        people=PEOPLE,
        path=Path("20260101T000000-4100.sock"),
        refused=3,
        last_refusal=REFUSED,
        look=ScreenLook(),
        group="",
    )
    return app


async def until(pilot: Pilot[int], ready: Callable[[], bool]) -> None:
    for _ in range(100):
        if ready():
            return
        await pilot.pause(0.1)
    raise AssertionError([one.message for one in pilot.app._notifications], pilot.app.screen)


async def begun(pilot: Pilot[int]) -> None:
    await until(pilot, lambda: isinstance(pilot.app.screen, ConsoleScreen))


@pytest.mark.parametrize(
    "size", [(80, 24), (120, 40), (200, 50)], ids=["80x24", "120x40", "200x50"]
)
def test_who_is_here(
    snap_compare: Callable[..., bool], recording: Path, size: tuple[int, int]
) -> None:
    async def people(pilot) -> None:  # type: ignore[no-untyped-def]
        await pilot.pause(0.5)
        await pilot.press("W", "j", "j")
        await pilot.pause(6.5)  # messages go

    assert snap_compare(shared(recording), terminal_size=size, run_before=people)


def rows(pilot: Pilot[int]) -> Sequence[object]:
    """Of the people who are listed; none where another screen is shown."""
    lists = pilot.app.screen.query("#people").results(RowList)
    return next((one.rows for one in lists), ())


async def test_the_one_under_the_cursor_is_handed_over_to(recording: Path) -> None:
    given: list[int] = []
    app = shared(recording)
    people = [*PEOPLE[1:2], *PEOPLE[2:3], Person("eve", 9, AT, number=9, asks=True)]
    owner = Person("alice", 0, AT, drives=True)
    app.control.sharing.share.people = [  # type: ignore[union-attr,misc]
        owner,
        *(Person(one.name, one.pid, AT, number=one.number, asks=one.asks) for one in people),
    ]
    app.control.sharing.share.give = given.append  # type: ignore[union-attr,method-assign]
    async with app.run_test(size=(120, 40)) as pilot:
        await begun(pilot)
        await pilot.press("W")
        await until(pilot, lambda: len(rows(pilot)) == 4)
        await pilot.press("H", "G", "H", "k", "k", "H")
        await until(pilot, lambda: len(given) == 3)
    assert given == [2, 9, 2]  # the first who asks where the one under the cursor does not


async def test_of_a_recording_all_keys_of_sharing_say_that_it_is_not_shared(
    recording: Path,
) -> None:
    """None says that S would share it, which says that it cannot."""
    app = console(recording)
    async with app.run_test(size=(120, 40)) as pilot:
        await begun(pilot)
        await pilot.press("S", "F", "H", "W")
        await until(pilot, lambda: isinstance(app.screen, PeopleScreen))
        await until(pilot, lambda: len(app._notifications) == 3)
        said = [one.message for one in app._notifications]
        people = app.screen.query_one("#people", RowList)
    assert [LIVE_ONLY in text for text in said] == [True, True, True], said
    assert people.empty == LIVE_ONLY
