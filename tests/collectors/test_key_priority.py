"""What goes on beside waits for a key, and not for long."""

from __future__ import annotations

import asyncio
import threading
import time

from collectors.key_priority import LONGEST_S, REST_S, KeyPriority


async def seconds_of_a_turn(priority: KeyPriority) -> float:
    began = time.monotonic()
    await priority.share()
    return time.monotonic() - began


async def test_without_a_key_others_have_a_turn_and_no_more() -> None:
    turns = 0

    async def another() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    waiting = asyncio.create_task(another())
    for _ in range(3):
        await KeyPriority().share()
    waiting.cancel()
    assert turns == 3


async def test_a_task_goes_on_when_the_key_had_its_effect() -> None:
    priority = KeyPriority()
    priority.begin()
    asyncio.get_running_loop().call_later(LONGEST_S / 4, priority.end)
    assert await seconds_of_a_turn(priority) >= LONGEST_S / 4 - 0.001
    assert not priority.waits


async def test_a_key_without_an_effect_is_not_waited_for() -> None:
    priority = KeyPriority()
    priority.begin()
    assert priority.waits
    assert await seconds_of_a_turn(priority) >= LONGEST_S - 0.01
    assert not priority.waits


async def test_a_thread_goes_on_when_the_key_had_its_effect() -> None:
    priority, went_on = KeyPriority(), threading.Event()
    priority.begin()

    def beside() -> None:
        priority.share_of_thread()
        went_on.set()

    thread = threading.Thread(target=beside)
    thread.start()
    assert not went_on.wait(LONGEST_S / 6)
    priority.end()
    thread.join(5)
    assert went_on.is_set()


async def test_others_have_their_share_however_fast_somebody_types() -> None:
    priority, pieces, end = KeyPriority(), 0, time.monotonic() + 5 * (LONGEST_S + REST_S)

    async def typing() -> None:
        while time.monotonic() < end:
            priority.begin()  # and no effect is ever seen
            await asyncio.sleep(0)

    fingers = asyncio.create_task(typing())
    while time.monotonic() < end:
        await priority.share()
        pieces += 1
    await fingers
    assert pieces >= 5
