"""Running a command somewhere and reading what it prints: one contract for a container and for
this machine."""

from __future__ import annotations

import asyncio
import contextlib
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from collectors.errors import ExecError, ToolMissing
from collectors.frozen import frozen
from collectors.loop_turn import LoopTurn
from collectors.sanitize import sanitize_bytes

STDOUT, STDERR = 1, 2
CHUNK = 64 * 1024


@frozen
class Output:
    channel: int
    data: bytes


class Running(Protocol):
    """A command that runs. `exit_code` is None until the output has ended (and after that where it
    is not known)."""

    exit_code: int | None
    message: str

    def output(self) -> AsyncIterator[Output]: ...

    async def close(self) -> None: ...


class Runner(Protocol):
    async def start(self, argv: Sequence[str]) -> Running: ...


@frozen
class CommandResult:
    code: int | None
    out: bytes
    err: str


async def run(
    runner: Runner, argv: Sequence[str], timeout: float = 15.0, limit: int = 4 << 20
) -> CommandResult:
    """Run a short command to its end. ExecError where it runs longer or prints more than
    allowed."""
    running = await runner.start(argv)
    out, err = bytearray(), bytearray()
    try:
        async with asyncio.timeout(timeout):
            async for piece in running.output():
                (out if piece.channel == STDOUT else err).extend(piece.data)
                if len(out) + len(err) > limit:
                    raise ExecError(
                        f"`{argv[0]}` printed more than {limit >> 20} MiB and was stopped."
                    )
    except TimeoutError:
        raise ExecError(f"`{argv[0]}` did not end within {timeout:g} s and was stopped.") from None
    finally:
        await running.close()
    return CommandResult(running.exit_code, bytes(out), sanitize_bytes(bytes(err).strip(), 2000))


class LocalRunning:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.exit_code: int | None = None
        self.message = ""
        self._process = process
        self._queue: asyncio.Queue[Output | None] = asyncio.Queue(maxsize=64)
        self._copies = [
            asyncio.create_task(self._copy(stream, channel))
            for stream, channel in ((process.stdout, STDOUT), (process.stderr, STDERR))
            if stream is not None
        ]

    async def _copy(self, stream: asyncio.StreamReader, channel: int) -> None:
        while data := await stream.read(CHUNK):
            await self._queue.put(Output(channel, data))
        await self._queue.put(None)

    async def output(self) -> AsyncIterator[Output]:
        open_streams, turn = len(self._copies), LoopTurn()
        while open_streams:
            piece = await self._queue.get()
            await turn.share()
            if piece is None:
                open_streams -= 1
            else:
                yield piece
        self.exit_code = await self._process.wait()

    async def close(self) -> None:
        for copy in self._copies:
            copy.cancel()
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()


class LocalRunner:
    """Runs commands on this machine."""

    async def start(self, argv: Sequence[str]) -> LocalRunning:
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=PIPE,
                stderr=PIPE,
                start_new_session=True,
            )
        except FileNotFoundError:
            raise ToolMissing(
                f"{argv[0]} is not installed here. Run: apt-get install {argv[0]}"
            ) from None
        except OSError as error:
            raise ExecError(f"{argv[0]} could not be started: {error.strerror}.") from None
        return LocalRunning(process)
