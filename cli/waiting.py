"""Waiting for what comes by the stream, without a console."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

POLL_S = 0.05


async def until(ready: Callable[[], object], seconds: float) -> bool:
    """Whether it is ready within `seconds`."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not ready():
                await asyncio.sleep(POLL_S)
            return True
    return False
