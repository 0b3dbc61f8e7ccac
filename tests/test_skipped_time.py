"""A loop that skips time waits for nothing but what is outside of it."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
import time

from tests.support.skipped_time import SkippingLoop

HOUR_S = 3600.0
_monotonic = time.monotonic


def ran(coroutine: object) -> float:
    """Seconds of a clock on the wall, in which it ran."""
    began, loop = _monotonic(), SkippingLoop()
    try:
        loop.run_until_complete(coroutine)  # type: ignore[arg-type]
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()
    return _monotonic() - began


def test_an_hour_is_over_at_once_and_in_its_order() -> None:
    order: list[int] = []

    async def after(seconds: float, name: int) -> None:
        await asyncio.sleep(seconds)
        order.append(name)

    async def hours() -> None:
        before, of_day = time.monotonic(), time.time()
        await asyncio.gather(after(2 * HOUR_S, 2), after(HOUR_S, 1), after(3 * HOUR_S, 3))
        assert 3 * HOUR_S <= time.monotonic() - before < 3 * HOUR_S + 60
        assert 3 * HOUR_S <= time.time() - of_day < 3 * HOUR_S + 60

    assert ran(hours()) < 60 and order == [1, 2, 3]
    assert time.monotonic is _monotonic, "clocks are as before"


def test_what_a_thread_does_is_waited_for() -> None:
    async def in_time() -> None:
        await asyncio.wait_for(asyncio.to_thread(time.sleep, 0.2), 30)

    assert ran(in_time()) >= 0.2


def test_a_socket_and_a_program_are_waited_for() -> None:
    async def answered() -> None:
        here, there = socket.socketpair()
        here.setblocking(False)
        loop = asyncio.get_running_loop()
        threading.Timer(0.1, there.send, (b"x",)).start()
        assert await asyncio.wait_for(loop.sock_recv(here, 1), 30) == b"x"
        here.close()
        there.close()
        program = [sys.executable, "-S", "-c", "import time; time.sleep(0.1)"]
        done = await asyncio.create_subprocess_exec(*program)
        assert await asyncio.wait_for(done.wait(), 60) == 0

    ran(answered())
