"""The session that runs is written to disk as it goes: into a directory of its own, in a thread,
and within the second. A disk that is full stops that, and is said; the console goes on."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

from collectors.events import ConsumerDrop, Event, Notice, RecordingEnd
from collectors.recording.session_log import SessionWriter
from collectors.stream import Stream, Subscription
from session import session_bounds
from session.disk_gap import DiskGap, DiskReserve
from session.figure_pieces import FigurePieces
from session.recorded_sessions import RunningSession
from session.session_bounds import Bounds
from session.store import Store

QUEUE = 65_536  # events
NAME = "the recorder"  # the consumer of the stream
DISK = "the session's recording"  # as a consumer, of what the disk had no room for
GATHER_S = 0.5  # between writes: fewer of them cost less
PIECES_S = 30.0
BOUNDS_S = 60.0


class SessionRecording:
    """Begins when it is made, on the event loop, and ends with the stream. `directory` is the
    session's."""

    def __init__(
        self, running: RunningSession, stream: Stream, store: Store, bounds: Bounds | None = None
    ) -> None:
        self.directory: Path = running.directory
        self._running = running
        self._stream = stream
        self._bounds = bounds or Bounds()
        self._writer = SessionWriter(running.directory)
        self._reserve = DiskReserve(running.directory)
        self._pieces = FigurePieces(store)
        self._pieces_at = time.monotonic()
        self._bounds_at = 0.0
        self.removed: list[str] = []  # sentences about what the bounds removed of other sessions
        self._ending = asyncio.Event()
        self._subscription: Subscription = stream.subscribe(QUEUE, NAME)
        self.gap = DiskGap(
            DISK, "the session is {}recorded", self.directory, stream, self._subscription
        )
        self.task = asyncio.create_task(self._run())

    def lost_packets(self, target: str) -> int:
        """Of a target, that are not on disk: the disk was full, or too slow."""
        return self.gap.lost_packets[target]

    def keeper(self, target: str) -> TargetPackets:
        return TargetPackets(self, target)

    async def finished(self) -> None:
        """All is on disk. The stream was closed before."""
        self._ending.set()
        await self.task

    async def _run(self) -> None:
        try:
            async for batch in self._subscription.batches():
                await self._write([*batch, *self._figures(PIECES_S)])
                await self._keep_bounds()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._ending.wait(), GATHER_S)
            await self._write(self._figures(0.0))
        finally:
            await asyncio.shield(asyncio.to_thread(self._close))

    def _figures(self, every: float) -> Sequence[Event]:
        if time.monotonic() - self._pieces_at < every:
            return ()
        self._pieces_at = time.monotonic()
        return self._pieces.new()

    async def _write(self, batch: Sequence[Event]) -> None:
        if self.gap.rests:
            self.gap.lose(batch)
            return
        if not await asyncio.to_thread(self.gap.has_room):
            self.gap.goes_on(batch)
            return
        self._note_drops(batch)
        try:
            await asyncio.to_thread(self._writer.write, [*self.gap.known(), *batch])
        except OSError as error:
            if self.gap.failed(batch, error):
                await asyncio.to_thread(self._write_gap)
            return
        if self.gap.is_open:
            self.gap.recovered()

    def _write_gap(self) -> None:
        """That it begins: whatever ends this process, its recording says so."""
        self._reserve.free_part()
        with contextlib.suppress(OSError):
            self._writer.write(self.gap.known(is_open=True))

    def _note_drops(self, batch: Sequence[Event]) -> None:
        """What came faster than it was written."""
        for event in batch:
            if isinstance(event, ConsumerDrop) and event.consumer == NAME:
                self.gap.lost_packets[event.target] += event.packets

    async def _keep_bounds(self) -> None:
        """Old sessions go where there is no room: on start, and as this one grows."""
        if time.monotonic() - self._bounds_at < BOUNDS_S and self._bounds_at:
            return
        self._bounds_at = time.monotonic()
        said = await asyncio.to_thread(session_bounds.keep, self._bounds, self.directory)
        self.removed += said
        for text in said:
            self._stream.publish(Notice(time.time(), "", text))

    def _close(self) -> None:
        self._reserve.free()
        with contextlib.suppress(OSError):
            self._writer.write([*self.gap.known(), RecordingEnd(time.time(), "")])
        self._writer.close()
        self._running.close()


class TargetPackets:
    """Of one capture: where the session keeps its packets, and how many of them it lost."""

    def __init__(self, recording: SessionRecording, target: str) -> None:
        self._recording = recording
        self._target = target
        self._before = recording.lost_packets(target)

    @property
    def directory(self) -> Path:
        return self._recording.directory

    @property
    def dropped(self) -> int:
        return self._recording.lost_packets(self._target) - self._before

    @property
    def error(self) -> str:
        return self._recording.gap.error
