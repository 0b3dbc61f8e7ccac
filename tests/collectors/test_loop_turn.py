"""Readers share the event loop."""

from __future__ import annotations

import asyncio
import time

from collectors.loop_turn import LONGEST_S, LoopTurn


async def test_another_task_runs_while_a_reader_has_data_at_once() -> None:
    turns, done = 0, False

    async def another() -> None:
        nonlocal turns
        while not done:
            turns += 1
            await asyncio.sleep(0)

    waiting = asyncio.create_task(another())
    turn, end = LoopTurn(), time.monotonic() + 20 * LONGEST_S
    while time.monotonic() < end:
        await turn.share()
    done = True
    await waiting
    assert turns >= 5


async def test_a_short_read_does_not_give_up_the_loop() -> None:
    ran = False

    async def another() -> None:
        nonlocal ran
        ran = True

    waiting = asyncio.create_task(another())
    await LoopTurn().share()
    assert not ran
    await waiting
