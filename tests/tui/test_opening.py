"""The first frame, before what the console works on is there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from collectors.errors import ConfigError
from tests.support.replay import replayed
from tests.support.snapshots import POD
from tests.tui.test_connectivity_matrix import EVENTS
from tui.app import OpenConsole, PodwireApp


def test_it_says_what_opens(snap_compare: Callable[..., bool]) -> None:
    async def opening() -> OpenConsole:
        await asyncio.sleep(3600)
        raise AssertionError

    assert snap_compare(PodwireApp(opening, "this machine"), terminal_size=(80, 24))


async def test_keys_before_it_is_open_do_no_harm_and_q_leaves() -> None:
    async def opening() -> OpenConsole:
        await asyncio.sleep(3600)
        raise AssertionError

    app = PodwireApp(opening)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("d", "f", "enter", "escape", "j", "slash", "left_square_bracket", "q")
        for _ in range(50):  # a busy machine needs its time
            if app.return_code is not None:
                break
            await asyncio.sleep(0.1)
    assert app.return_code == 0 and not app.is_open


async def test_what_cannot_be_opened_is_reported() -> None:
    async def opening() -> OpenConsole:
        raise ConfigError("There is no recording at x.")

    app = PodwireApp(opening)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause(0.3)
    assert app.return_code == 2 and str(app.failed) == "There is no recording at x."


async def test_it_opens_and_keys_work() -> None:
    _, control = replayed(EVENTS)

    async def opening() -> OpenConsole:
        await asyncio.sleep(0.5)
        return OpenConsole(control, "")

    app = PodwireApp(opening)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("question_mark")  # too early
        await pilot.pause(1.5)
        assert app.is_open and len(app.screen_stack) == 2
        await pilot.press("question_mark")
        await pilot.pause(0.5)
        assert type(app.screen).__name__ == "Help"


async def test_a_target_that_is_named_is_opened_as_soon_as_it_is_listed() -> None:
    _, control = replayed(EVENTS)

    async def opening() -> OpenConsole:
        return OpenConsole(control, "", f"pod/{POD.name}")

    app = PodwireApp(opening)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause(1.5)
        assert getattr(app.screen, "key", "") == f"pod/{POD.namespace}/{POD.name}"


async def test_a_target_that_is_not_there_is_said_over_the_lists() -> None:
    _, control = replayed(EVENTS)

    async def opening() -> OpenConsole:
        return OpenConsole(control, "", "deploy/nobody")

    app = PodwireApp(opening)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause(1.0)
        (said,) = app._notifications
        assert said.message.startswith("There is no pod of deploy/nobody in namespace")
        assert type(app.screen).__name__ == "ClusterScreen"
