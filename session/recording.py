"""The session that runs is written to disk as it goes: into a directory of its own, in a thread,
and within the second. A disk that is full stops that, and is said; the console goes on."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from collectors.events import ConsumerDrop, Event, Notice, PacketBatch, RecordingEnd
from collectors.plural import counted
from collectors.recording.session_log import SessionWriter
from collectors.stream import Stream, Subscription
from session import session_bounds
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
AGAIN_S = 5.0  # after a disk that was full


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
        self._pieces = FigurePieces(store)
        self._pieces_at = time.monotonic()
        self._bounds_at = 0.0
        self._failed_at = 0.0
        self._gap: ConsumerDrop | None = None  # what is not on disk since it was full
        self.lost = 0  # events that are not on disk, in all
        self._lost_packets: Counter[str] = Counter()
        self.error = ""  # why nothing is written at the moment
        self._ending = asyncio.Event()
        self._subscription: Subscription = stream.subscribe(QUEUE, NAME)
        self.task = asyncio.create_task(self._run())

    def lost_packets(self, target: str) -> int:
        """Of a target, that are not on disk: the disk was full, or too slow."""
        return self._lost_packets[target]

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
        now = time.monotonic()
        if self._failed_at and now - self._failed_at < AGAIN_S:
            self._lose(batch)
            return
        self._note_drops(batch)
        try:
            await asyncio.to_thread(self._writer.write, [*self._known_gap(), *batch])
        except OSError as error:
            reason = error.strerror or "the disk failed"
            self._lose(batch, reason)
            if not self._failed_at:
                self.error = f"the session is not recorded at the moment: {reason}"
                self._say(self.error, bad=True)
            self._failed_at = now
            return
        if self._failed_at:
            self._recovered()

    def _known_gap(self) -> Sequence[ConsumerDrop]:
        """What was lost until now, to be written before what comes next."""
        return () if self._gap is None else (replace(self._gap, at=time.time()),)

    def _recovered(self) -> None:
        """The disk has the gap; whoever else follows the session is given it now."""
        for gap in self._known_gap():
            lost = counted(gap.events, "event")
            self._say(f"the session is recorded again, with {lost} missing before")
            self._stream.publish(gap, to_all_but=self._subscription)
        self._failed_at, self._gap, self.error = 0.0, None, ""

    def _lose(self, batch: Sequence[Event], reason: str = "") -> None:
        batches = [event for event in batch if isinstance(event, PacketBatch)]
        for event in batches:
            self._lost_packets[event.target] += len(event.packets)
        now = time.time()
        gap = self._gap or ConsumerDrop(now, "", DISK, 0, packets=0, since=now, cause=reason)
        packets = gap.packets + sum(len(event.packets) for event in batches)
        self._gap = replace(gap, events=gap.events + len(batch), packets=packets)
        self.lost += len(batch)

    def _note_drops(self, batch: Sequence[Event]) -> None:
        """What came faster than it was written."""
        for event in batch:
            if isinstance(event, ConsumerDrop) and event.consumer == NAME:
                self._lost_packets[event.target] += event.packets

    async def _keep_bounds(self) -> None:
        """Old sessions go where there is no room: on start, and as this one grows."""
        if time.monotonic() - self._bounds_at < BOUNDS_S and self._bounds_at:
            return
        self._bounds_at = time.monotonic()
        said = await asyncio.to_thread(session_bounds.keep, self._bounds, self.directory)
        for text in said:
            self._say(text)

    def _say(self, text: str, bad: bool = False) -> None:
        level = "warning" if bad else "information"
        self._stream.publish(Notice(time.time(), "", text, level))  # type: ignore[arg-type]

    def _close(self) -> None:
        with contextlib.suppress(OSError):
            self._writer.write([*self._known_gap(), RecordingEnd(time.time(), "")])
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
        return self._recording.error
