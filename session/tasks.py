"""The background tasks of a console: an unexpected error of one is reported, the others go on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

from collectors.events import Notice
from collectors.stream import Stream
from session.crash import report_crash


class Tasks:
    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._tasks: set[asyncio.Task[Any]] = set()
        self.crash: BaseException | None = None  # the first unexpected error

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        return self.watch(asyncio.create_task(work))

    def watch(self, task: asyncio.Task[Any]) -> asyncio.Task[Any]:
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.crash = self.crash or error
            self._stream.publish(Notice(time.time(), "", report_crash(error), "error"))

    def raise_crash(self) -> None:
        """For commands: what is said after an error of podwire's own would not be all."""
        if self.crash is not None:
            raise self.crash

    async def cancel_all(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
