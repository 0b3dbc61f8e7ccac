"""What feeds the stream: a pod, a node, this machine, a capture file, a recording. All keep this
contract (tests/session/test_source_contract.py holds them to it).

`start` once; evidence comes as events on the stream until the source ends, fails or is stopped;
how it is doing is in `state`, and why in `message`. After `stop` nothing more is published. A
source that is not live has a clock of its own and waits for consumers that ask for it: it loses
nothing.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Sequence
from operator import attrgetter
from typing import Literal

from collectors.errors import PodwireError
from collectors.events import Event, TargetPhase, TargetState
from collectors.stream import Stream

State = Literal["new", "running", "ended", "failed", "stopped"]
STEP_S = 0.25  # a replay at a speed is at most so late


class Source(ABC):
    """`key` is the target's on the stream; '' where the source covers several."""

    live = True

    def __init__(self, key: str, stream: Stream) -> None:
        self.key = key
        self.stream = stream
        self.state: State = "new"
        self.message = ""
        self._task: asyncio.Task[None] | None = None

    def now(self) -> float:
        """The source's clock, in seconds since the epoch."""
        return time.time()

    def start(self) -> asyncio.Task[None]:
        """Begin; a second call changes nothing. What nobody foresaw is raised by the task."""
        if self._task is None:
            self.state = "running"
            self._task = asyncio.create_task(self._guarded())
        return self._task

    async def stop(self) -> None:
        """End it, and wait until nothing more is published."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self.state in ("new", "running"):
            self.state = "stopped"

    async def finished(self) -> None:
        """Until it has ended, failed or was stopped."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _guarded(self) -> None:
        try:
            await self.run()
        except PodwireError as error:
            self.fail(str(error))
        except asyncio.CancelledError:
            self.state = "stopped"
            raise
        except Exception:
            self.fail("podwire met an error of its own")
            raise
        if self.state == "running":
            self.state = "ended"

    def fail(self, message: str, phase: TargetPhase = "failed") -> None:
        self.state, self.message = "failed", message
        self.report(phase, message)

    def report(self, phase: TargetPhase, message: str = "") -> None:
        """Say on the stream how the target is doing."""
        if self.key:
            self.stream.publish(TargetState(self.now(), self.key, phase, message))

    @abstractmethod
    async def run(self) -> None:
        """Publish until there is nothing more. PodwireError says why it cannot go on."""


class RecordedSource(Source):
    """A source that was written down: its clock is that of its events.

    `speed` 0 plays as fast as the paced consumers work, 1 as it was, 8 eight times as fast; it may
    be changed while it plays, and `pause` holds it. `before_event` is awaited with the time of
    each event before it is published: what keeps to recorded time is driven by it.
    """

    live = False
    read_at_once = 200  # events, in a thread

    def __init__(self, key: str, stream: Stream, speed: float = 0.0) -> None:
        super().__init__(key, stream)
        self.speed = speed
        self.before_event: Callable[[float], Awaitable[None]] | None = None
        self._position = 0.0
        self._playing = asyncio.Event()
        self._playing.set()

    def now(self) -> float:
        """The latest time that was played."""
        return self._position

    @abstractmethod
    def events(self) -> Iterator[Event]:
        """All of it in order. Blocks: it is read in a thread. PodwireError where it cannot be
        read."""

    @property
    def paused(self) -> bool:
        return not self._playing.is_set()

    def pause(self) -> None:
        self._playing.clear()

    def resume(self) -> None:
        self._playing.set()

    async def run(self) -> None:
        events = self.events()
        while piece := await asyncio.to_thread(_next_of, events, self.read_at_once):
            for event in piece:
                await self._wait_for(event.at)
                await self._publish(event)
            await self.stream.caught_up()

    async def _publish(self, event: Event) -> None:
        if self.before_event is not None:
            await self.before_event(event.at)
        if not self.stream.has_room():
            await self.stream.caught_up()
        self._position = max(self._position, event.at)
        self.stream.publish(event)

    async def _wait_for(self, at: float) -> None:
        """Until the clock comes to a time. In steps: the speed may change meanwhile."""
        await self._playing.wait()
        while self.speed and self._position and at > self._position:
            step = min(STEP_S, (at - self._position) / self.speed)
            await asyncio.sleep(step)
            if self.paused:  # meanwhile: it stands where it stood
                await self._playing.wait()
            else:
                self._position = min(at, self._position + step * self.speed)


def _next_of(events: Iterator[Event], count: int) -> list[Event]:
    return list(itertools.islice(events, count))


class JoinedSource(RecordedSource):
    """Several of them as one, by time: a recording, and the node's capture beside it. One that
    cannot be read on does not end the others."""

    def __init__(
        self, sources: Sequence[RecordedSource], stream: Stream, speed: float = 0.0
    ) -> None:
        super().__init__("", stream, speed)
        self.sources = sources

    def events(self) -> Iterator[Event]:
        return heapq.merge(*map(_guarded_events, self.sources), key=attrgetter("at"))


def _guarded_events(source: RecordedSource) -> Iterator[Event]:
    at = 0.0
    try:
        for event in source.events():
            at = max(at, event.at)
            yield event
    except PodwireError as error:
        source.state, source.message = "failed", str(error)
        yield TargetState(at, source.key, "failed", str(error))
    else:
        source.state = "ended"
