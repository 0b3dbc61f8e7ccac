"""Trying again: doubling waits with jitter, never less than the server asked for, and one loop that
keeps a remote stream connected."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

from collectors.errors import PodwireError, TargetGone

JITTER = 0.2  # so that the streams that one fault broke do not all come back at once
STEADY_S = 1.0  # a stream that lasted longer was healthy: what broke it is a new fault
ALIVE_S = 2.0  # a server that does not answer must not hold up the message

Check = Callable[[], Awaitable[None]]


class Backoff:
    def __init__(self, first: float = 0.5, longest: float = 15.0) -> None:
        """Seconds of the first wait and of the longest."""
        self._first = first
        self._longest = longest
        self._next = first

    def reset(self) -> None:
        self._next = self._first

    def next(self, at_least: float = 0.0) -> float:
        """Seconds to wait this time."""
        wait = max(self._next, at_least)
        self._next = min(self._next * 2, self._longest)
        return wait * random.uniform(1.0, 1.0 + JITTER)


async def keep_connected(
    connect: Callable[[], Awaitable[PodwireError | None]],
    *,
    alive: Check | None,
    on_gap: Callable[[PodwireError, float], None],
    clean_up: Check,
) -> None:
    """Connect again whenever the stream breaks, until it ends by itself.

    `connect` runs one connection and returns why it broke, None where it ended; what it raises
    ends the loop. `alive` raises TargetGone, which ends the loop as well. `on_gap` is given the
    reason and the seconds until the next attempt; `clean_up` ends what the broken connection left
    running.
    """
    backoff = Backoff()
    while True:
        began = time.monotonic()
        broke = await connect()
        if broke is None:
            return
        if time.monotonic() - began > STEADY_S:
            backoff.reset()
        await check_alive(alive)
        wait = backoff.next(broke.retry_after)
        on_gap(broke, wait)
        await asyncio.sleep(wait)
        await clean_up()


async def check_alive(alive: Check | None) -> None:
    """TargetGone where the target is known to have gone; where nobody can say, nothing."""
    if alive is None:
        return
    try:
        async with asyncio.timeout(ALIVE_S):
            await alive()
    except TargetGone:
        raise
    except (PodwireError, TimeoutError):
        pass
