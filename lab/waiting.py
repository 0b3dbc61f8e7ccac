"""Waiting for a state of the lab."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable


async def comes_true(holds: Callable[[], bool], seconds: float, pause: float) -> bool:
    """Whether it holds within so many seconds; asked again after each pause."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not holds():
                await asyncio.sleep(pause)
            return True
    return False
