"""Who drives a shared session, how that is asked for and given, and that nothing else is."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from collectors.errors import ClusterError, PodwireError
from session.controller import Controller
from session.share.hand_over import OWNER, HandOver
from session.share.person import label
from tests.support.shared_session import driving, until, viewing
from tui.screens.base import shared_text

pytestmark = pytest.mark.slow

numbers = st.integers(0, 4)
steps = st.lists(
    st.tuples(st.sampled_from(["ask", "withdraw", "give", "left"]), numbers, numbers), max_size=30
)


@pytest.fixture(autouse=True)
def _runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


def test_it_is_given_to_one_who_asked_and_goes_back_when_they_leave() -> None:
    drive = HandOver()
    assert drive.ask(2, True) and drive.ask(3, True) and not drive.ask(3, True)
    assert not drive.give(2, 2) and not drive.give(OWNER, 4) and drive.driver == OWNER
    assert [drive.turn(number) for number in (2, 3, 4)] == [1, 2, 0]
    assert drive.give(OWNER, 3) and drive.driver == 3 and drive.asking == [2]
    assert not drive.ask(3, True) and drive.give(3, 2) and not drive.give(3, OWNER)
    assert drive.left(2) and drive.driver == OWNER and not drive.left(3)


@given(steps)
def test_it_never_goes_to_one_who_did_not_ask_nor_by_one_who_may_not(
    done: list[tuple[str, int, int]],
) -> None:
    drive = HandOver()
    for what, one, other in done:
        before, asked = drive.driver, list(drive.asking)
        if what in ("ask", "withdraw") and one != OWNER:
            drive.ask(one, what == "ask")
            assert drive.driver == before
        elif what == "give":
            changed = drive.give(one, other)
            assert changed == (drive.driver != before)
            assert not changed or (one in (before, OWNER) and other in (*asked, OWNER))
        elif what == "left" and one != OWNER:
            drive.left(one)
            assert drive.driver == (OWNER if before == one else before) and one not in drive.asking
        assert drive.driver not in drive.asking and len(set(drive.asking)) == len(drive.asking)


def who(control: Controller) -> int:
    driver = control.sharing.driver
    return -1 if driver is None else driver.number


async def all_say(number: int, *controls: Controller) -> None:
    await until(lambda: {who(control) for control in controls} == {number})


async def test_a_hand_over_is_seen_by_all_and_lets_nobody_act() -> None:
    async with driving() as owner, viewing() as one, viewing() as other:
        all_of = (owner, one, other)
        await all_say(OWNER, *all_of)
        assert "Nobody asks" in owner.sharing.hand_over()
        assert "You ask to drive" in one.sharing.hand_over()
        await until(lambda: [len(control.sharing.asking) for control in all_of] == [1, 1, 1])
        assert "hand over to" in owner.sharing.hand_over()
        await all_say(one.sharing.number, *all_of)
        assert one.sharing.drives and not owner.sharing.drives and not other.sharing.drives
        assert "joined: " in one.refusal and owner.refusal == ""
        with pytest.raises(ClusterError, match="joined: "):
            one.require_cluster()
        assert any("drives: F follows" in line.text for line in other.store.log)
        other.sharing.hand_over()
        await until(lambda: one.sharing.asking)
        one.sharing.hand_over(one.sharing.asking[0])
        await all_say(other.sharing.number, *all_of)
        other.sharing.hand_over()
        await all_say(OWNER, *all_of)


async def test_the_owner_has_it_back_at_once_and_when_the_driver_goes() -> None:
    async with driving() as owner, viewing() as one:
        async with viewing() as other:
            for control in (one, other):
                control.sharing.hand_over()
            await until(lambda: len(owner.sharing.asking) == 2)
            second = next(p for p in owner.sharing.asking if p.number == other.sharing.number)
            owner.sharing.hand_over(second)
            await all_say(other.sharing.number, owner, one)
            assert owner.sharing.hand_over() == "You drive again."
            await all_say(OWNER, owner, one, other)
            other.sharing.hand_over()
            await until(lambda: len(owner.sharing.asking) == 2)
            owner.sharing.hand_over(second)
            await all_say(other.sharing.number, owner, one)
        await all_say(OWNER, owner, one)
        await until(lambda: any("the driver left" in line.text for line in one.store.log))
        assert [person.number for person in owner.sharing.asking] == [one.sharing.number]


async def test_of_several_the_first_by_when_each_asked_last_is_granted_it() -> None:
    """Not by who joined first: one who withdrew and asked again is behind."""
    async with driving() as owner, viewing() as one, viewing() as other:
        numbers = [one.sharing.number, other.sharing.number]

        def asking() -> list[int]:
            return [person.number for person in owner.sharing.asking]

        for asks, after in ((one, numbers[:1]), (one, []), (other, numbers[1:])):
            asks.sharing.hand_over()
            await until(lambda after=after: asking() == after)  # type: ignore[misc]
            await until(lambda seen=asks, after=after: len(seen.sharing.asking) == len(after))  # type: ignore[misc]
        one.sharing.hand_over()
        await until(lambda: asking() == numbers[::-1])
        await until(lambda: [p.number for p in other.sharing.asking] == numbers[::-1])
        named = label(owner.sharing.asking[0], owner.sharing.people)
        assert f"{named} asks to drive" in shared_text(owner)
        owner.sharing.hand_over()
        await all_say(other.sharing.number, owner, one, other)


async def test_who_does_not_drive_gives_nothing_away() -> None:
    async with driving() as owner, viewing() as one, viewing() as other:
        other.sharing.hand_over()
        await until(lambda: owner.sharing.asking)
        assert one.joined is not None
        one.joined.give(other.sharing.number)
        one.joined.give(one.sharing.number)
        await asyncio.sleep(0.5)
        assert who(owner) == OWNER and owner.sharing.share is not None
        assert owner.sharing.share.refused == 0


async def test_nobody_is_asked_where_the_other_console_went() -> None:
    async with driving() as owner, viewing() as one:
        await owner.sharing.end()
        await until(lambda: one.joined is not None and one.joined.state == "failed")
        with pytest.raises(PodwireError, match="Nobody is asked"):
            one.sharing.hand_over()
        assert "not shared" in owner.sharing.hand_over()


async def test_of_people_with_one_name_the_process_is_said() -> None:
    async with driving() as owner, viewing():
        await until(lambda: len(owner.sharing.people) == 2)
        me, joined = owner.sharing.people
        assert label(me, [me, joined]) == me.name
        assert label(joined, [me, joined]) == f"{joined.name} ({joined.pid})"
        assert label(joined, [joined]) == joined.name
