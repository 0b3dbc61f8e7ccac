"""Short commands that podwire runs at a target, on the stream: what, for what, and how they
ended."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence

from collectors.command_runner import Output, Runner, Running
from collectors.errors import PodwireError
from collectors.events import CommandRun
from collectors.sanitize import sanitize, sanitize_bytes
from collectors.stream import Stream

OUTPUT_KEPT = 2_000  # bytes of what a command printed
ARGUMENT_KEPT = 200  # characters: some arguments are programs


class LoggedRunner:
    """A runner whose commands are events. For short ones: the event comes at the end."""

    def __init__(self, runner: Runner, stream: Stream, key: str, asked_by: str) -> None:
        self._runner = runner
        self._stream = stream
        self._key = key
        self._asked_by = asked_by

    async def start(self, argv: Sequence[str]) -> Running:
        began = time.monotonic()
        try:
            running = await self._runner.start(argv)
        except PodwireError as error:
            self.report(argv, began, None, error=str(error))
            raise
        return LoggedRunning(running, self, argv, began)

    def report(
        self,
        argv: Sequence[str],
        began: float,
        exit_code: int | None,
        *,
        output: bytes = b"",
        error: str = "",
    ) -> None:
        self._stream.publish(
            CommandRun(
                time.time(),
                self._key,
                asked_by=self._asked_by,
                argv=tuple(sanitize(argument, ARGUMENT_KEPT) for argument in argv),
                exit_code=exit_code,
                seconds=round(time.monotonic() - began, 3),
                output=sanitize_bytes(output, OUTPUT_KEPT),
                error=sanitize(error, 300),
            )
        )


class LoggedRunning:
    """A running command that is reported when it is closed."""

    def __init__(
        self, running: Running, log: LoggedRunner, argv: Sequence[str], began: float
    ) -> None:
        self.exit_code: int | None = None
        self.message = ""
        self._running = running
        self._log = log
        self._argv = argv
        self._began = began
        self._printed = bytearray()
        self._is_closed = False

    async def output(self) -> AsyncIterator[Output]:
        async for piece in self._running.output():
            if len(self._printed) < OUTPUT_KEPT:
                self._printed += piece.data
            yield piece

    async def close(self) -> None:
        await self._running.close()
        if self._is_closed:
            return
        self._is_closed = True
        self.exit_code = code = self._running.exit_code
        self.message = self._running.message
        error = self.message or ("stopped before it ended" if code is None else "")
        self._log.report(
            self._argv, self._began, code, output=bytes(self._printed[:OUTPUT_KEPT]), error=error
        )
