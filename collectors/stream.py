"""The stream itself: publish, subscribe, bounded queues, counted drops.

Everything runs on one event loop. `publish` never waits: a consumer that does not keep up loses
events and never slows a collector or another consumer. What it lost is an event as well
(ConsumerDrop): others see it within REPORT_S, the consumer itself at the place of the gap.
Packets have a bound of their own: in a flood they are what is lost, and samples and findings stay.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator

from collectors.events import ConsumerDrop, Event, PacketBatch
from collectors.frozen import slotted

QUEUE = 4096
PACKETS = 50_000  # that wait for a consumer: a second or two of its work, and some 20 MB
AT_ONCE = PACKETS // 10  # packets in the hands of a consumer
REPORT_S = 1.0  # between reports of a consumer that goes on losing events


def packets_in(event: Event) -> int:
    return len(event.packets) if isinstance(event, PacketBatch) else 0


@slotted
class Loss:
    """Events of one target that were lost, not reported yet."""

    since: float
    events: int = 0
    packets: int = 0

    def add(self, event: Event) -> None:
        self.events += 1
        self.packets += packets_in(event)


class Losses:
    """What a consumer lost, by target, until it is reported."""

    def __init__(self) -> None:
        self._losses: dict[str, Loss] = {}

    def __bool__(self) -> bool:
        return bool(self._losses)

    def add(self, event: Event) -> None:
        loss = self._losses.get(event.target)
        if loss is None:
            loss = self._losses[event.target] = Loss(time.time())
        loss.add(event)

    def report(self, consumer: str, cause: str) -> list[Event]:
        """One event a target; the counts begin again at 0."""
        now = time.time()
        drops: list[Event] = [
            ConsumerDrop(
                now,
                target,
                consumer=consumer,
                events=loss.events,
                packets=loss.packets,
                since=loss.since,
                cause=cause,
            )
            for target, loss in self._losses.items()
        ]
        self._losses.clear()
        return drops


class Subscription:
    """One consumer's view of the stream. `dropped` counts the events it was too slow for."""

    def __init__(self, stream: Stream, name: str, size: int, paced: bool) -> None:
        self.name = name
        self.paced = paced
        self.dropped = 0
        self._stream = stream
        self._size = size
        self._queue: deque[Event] = deque()
        self._packets = 0  # in the queue
        self._filled = asyncio.Event()
        self._caught_up = asyncio.Event()
        self._caught_up.set()
        self._closed = False
        self._own_losses = Losses()
        self._losses_for_others = Losses()
        self._reported = 0.0
        self._lost_for = ""

    @property
    def _cause(self) -> str:
        if len(self._queue) < self._size:
            return f"{PACKETS:,} packets waited for it"
        return f"its queue of {self._size:,} events was full"

    @property
    def has_room(self) -> bool:
        return len(self._queue) < self._size and self._packets < PACKETS

    def offer(self, event: Event) -> None:
        packets = packets_in(event)
        if len(self._queue) >= self._size or (packets and self._packets >= PACKETS):
            self._lose(event)
            return
        if self._own_losses and self.has_room:
            self._queue.extend(self._own_losses.report(self.name, self._lost_for))
        self._queue.append(event)
        self._packets += packets
        self._filled.set()
        self._caught_up.clear()

    def _lose(self, event: Event) -> None:
        if isinstance(event, ConsumerDrop):  # a report, not evidence: two slow consumers would
            return  # report each other's reports for ever
        self.dropped += 1
        self._lost_for = self._cause
        self._own_losses.add(event)
        self._losses_for_others.add(event)
        if time.monotonic() - self._reported >= REPORT_S:
            self._report()

    def _report(self) -> None:
        self._reported = time.monotonic()
        for drop in self._losses_for_others.report(self.name, self._lost_for):
            self._stream.publish(drop, to_all_but=self)

    async def batches(self) -> AsyncIterator[list[Event]]:
        """What has come since the last batch, for ever, in order, some AT_ONCE packets at a time;
        ends when the stream closes."""
        while True:
            await self._filled.wait()
            if batch := self._drain():
                yield batch
            if self._queue:
                continue
            self._filled.clear()
            self._caught_up.set()
            if self._closed:
                return

    def _drain(self) -> list[Event]:
        batch, packets = [], 0
        while self._queue and packets < AT_ONCE:
            batch.append(self._queue.popleft())
            packets += packets_in(batch[-1])
        self._packets -= packets
        if self._own_losses and not self._queue:
            batch += self._own_losses.report(self.name, self._lost_for)
            self._report()
        return batch

    async def caught_up(self) -> None:
        """Until the consumer has worked on all that was published before."""
        if not self._closed:
            await self._caught_up.wait()

    def pending(self) -> list[Event]:
        """What waits to be consumed."""
        return list(self._queue)

    def end(self) -> None:
        self._closed = True
        self._caught_up.set()
        self._filled.set()

    def close(self) -> None:
        self._stream.unsubscribe(self)
        self.end()


class Stream:
    """The ordered stream of everything that is known."""

    def __init__(self) -> None:
        self.published = 0
        self._subscriptions: list[Subscription] = []

    def publish(self, event: Event, to_all_but: Subscription | None = None) -> None:
        self.published += 1
        for subscription in self._subscriptions:
            if subscription is not to_all_but:
                subscription.offer(event)

    def subscribe(
        self, size: int = QUEUE, name: str = "a consumer", paced: bool = False
    ) -> Subscription:
        """A new consumer. A source that can wait, as a file can, waits for those that are
        `paced`."""
        subscription = Subscription(self, name, size, paced)
        self._subscriptions.append(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)

    def has_room(self) -> bool:
        """Whether each paced consumer can be given one more event."""
        return all(one.has_room for one in self._subscriptions if one.paced)

    async def caught_up(self) -> None:
        """Until each paced consumer has worked on what was published."""
        for subscription in list(self._subscriptions):
            if subscription.paced:
                await subscription.caught_up()

    def close(self) -> None:
        for subscription in self._subscriptions:
            subscription.end()
