"""The session that runs is written to disk as it goes: into a directory of its own, in a thread,
and within the second. A disk that is full stops that, and is said; the console goes on."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

from collectors.events import Event, Notice, RecordingEnd
from collectors.recording.session_log import SessionWriter
from collectors.stream import Stream, Subscription
from session import session_bounds
from session.figure_pieces import FigurePieces
from session.recorded_sessions import RunningSession
from session.session_bounds import Bounds
from session.store import Store

QUEUE = 65_536  # events
NAME = "the recorder"  # the consumer of the stream
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
        self._lost = 0
        self._ending = asyncio.Event()
        self._subscription: Subscription = stream.subscribe(QUEUE, NAME)
        self.task = asyncio.create_task(self._run())

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
            self._lost += len(batch)
            return
        try:
            await asyncio.to_thread(self._writer.write, batch)
        except OSError as error:
            self._lost += len(batch)
            if not self._failed_at:
                reason = error.strerror or "the disk failed"
                self._say(f"the session is not recorded at the moment: {reason}", bad=True)
            self._failed_at = now
            return
        if self._failed_at:
            self._say(f"the session is recorded again; {self._lost:,} events are missing before")
            self._failed_at, self._lost = 0.0, 0

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
            self._writer.write([RecordingEnd(time.time(), "")])
        self._writer.close()
        self._running.close()
