"""The session that runs is written to disk as it goes: into a directory of its own, in a thread,
and within the second. A disk that is full stops that, and is said; the console goes on."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collectors.events import ConsumerDrop, Event, Notice, RecordingEnd
from collectors.stream import Stream, Subscription
from session.disk_gap import DiskGap, DiskReserve
from session.running_session import DISK, NAME
from session.store import Store

if TYPE_CHECKING:  # what writes is imported once the first list is drawn
    from collectors.recording.session_log import SessionWriter
    from session.figure_pieces import FigurePieces
    from session.running_session import RunningSession

QUEUE = 65_536  # events
GATHER_S = 0.5  # between writes: fewer of them cost less
AT_ONCE_S, PAUSE_S, PAUSES_S = 0.001, 0.002, 0.2
PIECES_S = 30.0
BOUNDS_S = 60.0


class SessionFiles:
    """What a session is written with. OSError where its files cannot be made. Blocking."""

    def __init__(self, directory: Path, store: Store) -> None:
        from collectors.recording.session_log import SessionWriter
        from session.figure_pieces import FigurePieces

        self.writer: SessionWriter = SessionWriter(directory)
        self._reserve = DiskReserve(directory)
        self._pieces: FigurePieces = FigurePieces(store)
        self._pieces_at = time.monotonic()

    def figures(self, every_s: float) -> Sequence[Event]:
        """Those that are new, every so often. On the event loop."""
        if time.monotonic() - self._pieces_at < every_s:
            return ()
        self._pieces_at = time.monotonic()
        return self._pieces.new()

    def write_gap(self, known: Sequence[Event]) -> None:
        """That it begins: whatever ends this process, its recording says so."""
        self._reserve.free_part()
        with contextlib.suppress(OSError):
            self.writer.write(known)

    def close(self, known: Sequence[Event]) -> None:
        self._reserve.free()
        with contextlib.suppress(OSError):
            self.writer.write([*known, RecordingEnd(time.time(), "")])
        self.writer.close()


class SessionRecording:
    """Begins when it is made, on the event loop, and ends with the stream. `directory` is the
    session's; `bounds` are the fields of Bounds. Its files are made `after` that is set, or when
    the session ends: what comes until that waits for them. `failure` says why they were not."""

    def __init__(
        self,
        running: RunningSession,
        stream: Stream,
        store: Store,
        bounds: Mapping[str, Any] | None = None,
        after: asyncio.Event | None = None,
    ) -> None:
        self.directory: Path = running.directory
        self.failure = ""
        self._running = running
        self._stream, self._store = stream, store
        self._bounds = bounds or {}
        self._bounds_at = 0.0
        self.removed: list[str] = []  # sentences about what the bounds removed of other sessions
        self._after = after
        self._ending, self._opened = asyncio.Event(), asyncio.Event()
        self._subscription: Subscription = stream.subscribe(QUEUE, NAME)
        self.gap = DiskGap(
            DISK, "the session is {}recorded", self.directory, stream, self._subscription
        )
        self.task = asyncio.create_task(self._run())

    async def has_files(self) -> bool:
        """Once that is known."""
        await self._opened.wait()
        return not self.failure

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
        await self._until_wanted()
        try:
            files = await asyncio.to_thread(SessionFiles, self.directory, self._store)
        except OSError as error:
            self._fail(error)
            await asyncio.to_thread(self._remove)
        else:
            await self._write_with(files)
        finally:
            self._opened.set()

    async def _until_wanted(self) -> None:
        if self._after is None:
            return
        waiting = [asyncio.create_task(one.wait()) for one in (self._after, self._ending)]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()

    def _fail(self, error: OSError) -> None:
        self.failure = failure_text(error)
        self._subscription.close()
        self._stream.publish(Notice(time.time(), "", self.failure, "warning"))

    def _remove(self) -> None:
        """Nothing is in its directory but what was made before the disk was full."""
        self._running.close()
        with contextlib.suppress(OSError):
            self.directory.rmdir()

    async def _write_with(self, files: SessionFiles) -> None:
        self._opened.set()
        try:
            async for batch in self._subscription.batches():
                await self._write(files, [*batch, *files.figures(PIECES_S)])
                await self._keep_bounds()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._ending.wait(), GATHER_S)
            await self._write(files, files.figures(0.0))
        finally:
            await asyncio.shield(asyncio.to_thread(self._close, files))

    async def _write(self, files: SessionFiles, batch: Sequence[Event]) -> None:
        self._note_drops(batch)
        if await self.gap.write(batch, lambda events: files.writer.write(paced(events))):
            await asyncio.to_thread(files.write_gap, self.gap.known(is_open=True))

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
        said = await asyncio.to_thread(self._bounds_kept)
        self.removed += said
        for text in said:
            self._stream.publish(Notice(time.time(), "", text))

    def _bounds_kept(self) -> list[str]:
        from session import session_bounds

        return session_bounds.keep(session_bounds.Bounds(**self._bounds), self.directory)

    def _close(self, files: SessionFiles) -> None:
        files.close(self.gap.known())
        self._running.close()


def failure_text(error: OSError) -> str:
    """Why a session is not recorded."""
    return f"the session is not recorded: {error.strerror or error}"


def paced(events: Iterable[Event]) -> Iterator[Event]:
    """With pauses between what is written for AT_ONCE_S: a key that is pressed meanwhile does not
    wait for all of it. For PAUSES_S in all, so that a flood is written as fast as it can be."""
    left, began = PAUSES_S, time.perf_counter()
    for event in events:
        yield event
        if left > 0 and time.perf_counter() - began > AT_ONCE_S:
            time.sleep(PAUSE_S)
            left -= PAUSE_S
            began = time.perf_counter()


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
