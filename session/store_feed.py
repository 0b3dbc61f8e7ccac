"""The consumer of the stream that the screens see: it folds events into the store."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from collectors.events import Event, Mark
from collectors.loop_turn import LoopTurn
from collectors.stream import Stream
from session.store import SCREENS, Store

QUEUE = 65_536  # events
SLICE_S = 0.005  # the loop is not held for longer, however much comes at once


class StoreFeed:
    def __init__(self, store: Store, stream: Stream) -> None:
        """It is subscribed at once: what is published before `run` is not lost."""
        self._store = store
        self._subscription = stream.subscribe(QUEUE, SCREENS, paced=True)
        self._batch: deque[Event] = deque()  # that is being folded
        self.marked = asyncio.Event()  # a mark was folded: a person waits to see it

    def not_folded(self) -> list[Event]:
        """What was published and is not in the store yet, in order."""
        return [*self._batch, *self._subscription.pending()]

    async def run(self) -> None:
        """Until the stream closes. Where an event cannot be folded, nobody waits for the rest."""
        try:
            async for batch in self._subscription.batches():
                await self._fold(batch)
        finally:
            self._subscription.close()

    async def _fold(self, batch: Sequence[Event]) -> None:
        turn, self._batch = LoopTurn(SLICE_S), deque(batch)
        while self._batch:
            event = self._batch.popleft()
            self._store.apply(event)
            if isinstance(event, Mark):
                self.marked.set()
            await turn.share()
