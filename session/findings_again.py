"""What rules of today find in a recorded session: all of it is looked at, from its beginning and in
the steps of `podwire check --from`, so that a finding has the same times wherever a replay is."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING

from collectors.events import Event, RecordingEnd
from collectors.stream import Stream, Subscription
from session.diagnosis_loop import DiagnosisLoop
from session.store import Store

if TYPE_CHECKING:
    from session.session_archive import Rare, SessionArchive

PLACE = 0.5  # of what was found before an event, between two numbers
PAUSE_S = 0.001  # after some events: the screens come first
EVENTS = 20


class Published(Stream):
    """Keeps what is published until it is read."""

    def __init__(self) -> None:
        super().__init__()
        self._kept: list[Event] = []

    def publish(self, event: Event, to_all_but: Subscription | None = None) -> None:
        self._kept.append(event)

    def read(self) -> list[Event]:
        kept, self._kept = self._kept, []
        return kept


async def findings_again(
    archive: SessionArchive, comes_to: Callable[[float], object] = bool
) -> list[Rare]:
    """The events of findings, each with its place among the session's. In a thread of its own, for
    as long as nobody cancels it; `comes_to` is given the time that it has come to, there. OSError
    or ConfigError where it cannot be read."""
    stopped = threading.Event()
    try:
        return await asyncio.to_thread(asyncio.run, _collected(archive, stopped, comes_to))
    finally:
        stopped.set()


async def _collected(
    archive: SessionArchive, stopped: threading.Event, comes_to: Callable[[float], object]
) -> list[Rare]:
    return [one async for one in _found(archive, stopped, comes_to)]


async def _found(
    archive: SessionArchive, stopped: threading.Event, comes_to: Callable[[float], object]
) -> AsyncIterator[Rare]:
    store, stream = Store(), Published()
    diagnosis, place = DiagnosisLoop(store, stream), 0.0
    for count, (number, event) in enumerate(archive.numbered_from(0)):
        if stopped.is_set():
            return
        if not count % EVENTS:
            comes_to(event.at)
            await asyncio.sleep(PAUSE_S)
        place = number - PLACE
        await diagnosis.advance(event.at)
        for one in _folded(store, stream):
            yield place, one
        store.apply(event)
        if not isinstance(event, RecordingEnd):
            place = number + PLACE
    await diagnosis.look(store.latest, at_end=True)
    for one in _folded(store, stream):
        yield place, one


def _folded(store: Store, stream: Published) -> Iterator[Event]:
    for event in stream.read():
        store.apply(event)
        yield event
