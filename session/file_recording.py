"""The file of `--record`: what is published, a JSON line an event. A disk that is full stops that,
and is said; whoever looks goes on."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from session.disk_gap import DiskGap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from collectors.events import Event
    from collectors.recording.event_log import Recorder
    from collectors.stream import Stream

QUEUE = 65_536  # events
FILE = "the recording to a file"  # as a consumer, of what the disk had no room for


class FileRecording:
    """Begins when it is made, on the event loop, and ends with the stream."""

    def __init__(self, recorder: Recorder, stream: Stream) -> None:
        self.path = recorder.path
        self._recorder = recorder
        self._subscription = stream.subscribe(QUEUE, "the recorder", paced=True)
        says, directory = "the file of --record is {}written", recorder.path.parent
        self.gap = DiskGap(FILE, says, directory, stream, self._subscription)
        self._task = asyncio.create_task(self._run())

    async def finished(self) -> None:
        """All is on disk, or known to be lost. The stream was closed before."""
        await self._task

    async def _run(self) -> None:
        try:
            async for batch in self._subscription.batches():
                await self._write(batch)
        finally:
            await asyncio.shield(asyncio.to_thread(self._close))

    async def _write(self, batch: Sequence[Event]) -> None:
        if self.gap.rests:
            self.gap.lose(batch)
            return
        if not await asyncio.to_thread(self.gap.has_room):
            self.gap.goes_on(batch)
            return
        try:
            await asyncio.to_thread(self._recorder.write, [*self.gap.known(), *batch])
        except OSError as error:
            self.gap.failed(batch, error)
            return
        if self.gap.is_open:
            self.gap.recovered()

    def _close(self) -> None:
        with contextlib.suppress(OSError):
            self._recorder.write([*self.gap.known()])
        self._recorder.close()
