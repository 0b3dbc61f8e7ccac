"""A capture that arrives by a pipe as a source: `tcpdump -U -w - | podwire pcap -`."""

from __future__ import annotations

import asyncio

from collectors.capture.file_source import CaptureProgress
from collectors.capture.readers import read_pipe, was_read
from collectors.errors import CaptureError
from collectors.source import Source
from collectors.stream import Stream
from collectors.target import Target

IDLE_S = 0.1  # a thread that waits for packets ends this late after `stop`
ENDED = "the pipe has ended"


def target() -> Target:
    return Target("pcap", "standard input")


class PipeSource(Source):
    """Packets are on the stream as they arrive, by their own times; `fd` is the pipe's. What writes
    to it waits for slow consumers: podwire loses nothing."""

    def __init__(self, fd: int, stream: Stream, *, capture: int = 1) -> None:
        super().__init__(target().key, stream)
        self._fd = fd
        self._progress = CaptureProgress(self.key, capture)

    def now(self) -> float:
        """The latest packet's time."""
        return self._progress.at

    async def run(self) -> None:
        progress, chunks = self._progress, read_pipe(self._fd, IDLE_S)
        self.report("live")
        self.stream.publish(progress.state("running", "waiting for packets"))
        self.message = ENDED
        try:
            while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
                for batch in progress.batches(*chunk):
                    await self.stream.caught_up()
                    self.stream.publish(batch)
                if chunk[1]:
                    self.stream.publish(progress.state("running", "reading"))
        except CaptureError as error:
            self.message = str(error)
            if not was_read(error):
                self.stream.publish(progress.state("failed", self.message))
                raise
        self.stream.publish(progress.state("ended", self.message))
        self.report("ended", self.message)
