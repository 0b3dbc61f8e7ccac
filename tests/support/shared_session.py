"""A driver's and viewers' engines on real sockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from collectors.stream import Stream
from session.controller import Controller
from session.share.joining import joined
from session.share.links import SocketLink
from session.share.place import found_session
from session.store import Store


async def until(ready: Callable[[], object], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not ready():
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def driving(group: str = "") -> AsyncIterator[Controller]:
    """An engine whose session is shared, with a group where one is named; nothing feeds it yet."""
    control = Controller(Store(), Stream())
    control.diagnosis.enabled = False
    control.start()
    control.sharing.group = group
    control.sharing.begin()
    try:
        yield control
    finally:
        await control.close()
        control.tasks.raise_crash()


@contextlib.asynccontextmanager
async def viewing(name: str = "") -> AsyncIterator[Controller]:
    control = Controller(Store(), Stream())
    await joined(control, SocketLink(found_session(name)))
    try:
        yield control
    finally:
        await control.close()
        control.tasks.raise_crash()
