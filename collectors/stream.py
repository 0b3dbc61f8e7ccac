"""The stream itself: publish, subscribe, bounded queues, counted drops.

Everything runs on one event loop. `publish` never waits: a consumer that does not keep up loses events and
is told how many; it never slows a collector or another consumer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from collectors.events import Event

QUEUE = 4096


class Subscription:
    """One consumer's view of the stream. `dropped` counts the events it was too slow for."""

    def __init__(self, session: Stream, size: int) -> None:
        self.dropped = 0
        self._session = session
        self._size = size
        self._queue: deque[Event] = deque()
        self._filled = asyncio.Event()
        self._closed = False
        self._taken = asyncio.Event()

    def offer(self, event: Event) -> None:
        if len(self._queue) >= self._size:
            self.dropped += 1
            return
        self._queue.append(event)
        self._filled.set()

    async def batches(self) -> AsyncIterator[list[Event]]:
        """What has come since the last batch, for ever, in order; ends when the session closes."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            batch = list(self._queue)
            self._queue.clear()
            self._taken.set()
            if batch:
                yield batch
            if self._closed and not self._queue:
                return

    async def taken(self) -> None:
        """Until all that waits has been taken: for a source that can be held up, as a file can."""
        while self._queue and not self._closed:
            self._taken.clear()
            await self._taken.wait()

    def pending(self) -> list[Event]:
        """What waits to be consumed."""
        return list(self._queue)

    def end(self) -> None:
        self._closed = True
        self._taken.set()
        self._filled.set()

    def close(self) -> None:
        self._session.unsubscribe(self)
        self.end()


class Stream:
    """The ordered stream of everything that is known."""

    def __init__(self) -> None:
        self.published = 0
        self._subscriptions: list[Subscription] = []

    def publish(self, event: Event) -> None:
        self.published += 1
        for subscription in self._subscriptions:
            subscription.offer(event)

    def subscribe(self, size: int = QUEUE) -> Subscription:
        subscription = Subscription(self, size)
        self._subscriptions.append(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)

    def close(self) -> None:
        for subscription in self._subscriptions:
            subscription.end()
