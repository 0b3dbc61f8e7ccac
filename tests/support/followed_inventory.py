"""The inventory of a small API server, followed into a store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from collectors.cluster.api.connection import connect
from collectors.cluster.inventory.inventory import Inventory
from collectors.recording.event_codec import decode, encode
from collectors.stream import Stream
from session.store import Store
from tests.support.fake_api import FakeApi, served


@asynccontextmanager
async def followed(api: FakeApi, folder: Path) -> AsyncIterator[tuple[Store, Callable[..., Any]]]:
    """(the store of an inventory that is followed, wait for a condition of it)."""
    async with served(api, folder) as kubeconfig:
        cluster = await connect(str(kubeconfig))
        session, store = Stream(), Store()
        subscription = session.subscribe(10_000)
        task = asyncio.create_task(Inventory(cluster, session).run())

        async def until(ready: Callable[[], object]) -> None:
            async with asyncio.timeout(10):
                while not ready():
                    for event in subscription.pending():
                        assert decode(encode(event)) == event, "it survives log and replay"
                        store.apply(event)
                    await asyncio.sleep(0.02)

        try:
            yield store, until
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await cluster.close()
