"""The file of `--record`: what is published, a JSON line an event. A disk that is full stops that,
and is said; whoever looks goes on."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from session.disk_gap import DiskGap

if TYPE_CHECKING:
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
                await self.gap.write(batch, self._recorder.write)
        finally:
            await asyncio.shield(asyncio.to_thread(self._close))

    def _close(self) -> None:
        with contextlib.suppress(OSError):
            self._recorder.write([*self.gap.known()])
        self._recorder.close()
