"""`pods/exec` over WebSocket: subprotocols v4 and v5, real exit codes, Status frames as a kubelet
sends them."""

from __future__ import annotations

import asyncio
import json
import os
from asyncio import StreamReader, StreamWriter, Task, create_task
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import closing, suppress
from functools import partial
from secrets import token_hex
from typing import Any

from aiohttp import WSMsgType
from aiohttp.web import Request, WebSocketResponse

from lab.api.hooks import HookStream
from lab.api.node_streams import NodeStream
from lab.api.store import Object

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
STDIN, STDOUT, STDERR, ERROR = 0, 1, 2, 3
CLOSE_STDIN = b"\xff\0"
Pieces = AsyncIterator[tuple[int, bytes]]  # channel, data
Write = Callable[[int, bytes], Awaitable[None]]
CHUNK = 32 * 1024
NOT_STARTED = (
    "error executing command in container: failed to exec in container: failed to start "
    'exec "{id}": OCI runtime exec failed: exec failed: unable to start container process: exec: '
    '"{command}": {why}'
)


def success() -> Object:
    return {"metadata": {}, "status": "Success"}


def exit_status(code: int, protocol: str, argv: Sequence[str]) -> Object:
    return _non_zero(code, _how_it_ended(code, protocol, argv)) if code else success()


def _how_it_ended(code: int, protocol: str, argv: Sequence[str]) -> str:
    if protocol == PROTOCOLS[1]:
        return f"error executing command [{' '.join(argv)}], exit code {code}"
    return f"command terminated with exit code {code}"


def _non_zero(code: int, said: str) -> Object:
    message = f"command terminated with non-zero exit code: {said}"
    return _failure("NonZeroExitCode", message, {"reason": "ExitCode", "message": str(code)})


def _failure(reason: str, message: str, cause: Object) -> Object:
    return {
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "details": {"causes": [cause]},
    }


def missing_command(command: str) -> Object:
    why = _why_missing(command)
    said = NOT_STARTED.format(id=token_hex(32), command=command, why=why)
    message = f"Internal error occurred: {said}"
    return {**_failure("InternalError", message, {"message": said}), "code": 500}


def _why_missing(command: str) -> str:
    if "/" in command:
        return f"stat {command}: no such file or directory"
    return "executable file not found in $PATH"


def exit_code(returncode: int) -> int:
    """A killed command's code as a shell and containerd give it: 128 plus the signal."""
    return 128 - returncode if returncode < 0 else returncode


class ExecSession:
    """One exec of `argv`: its WebSocket, whose frames begin with the number of their channel.
    `path` carries what the command prints through its node."""

    def __init__(self, request: Request, argv: list[str], stream: HookStream) -> None:
        self.request = request
        self.argv = argv
        self.stream = stream
        self.socket = WebSocketResponse(protocols=PROTOCOLS, max_msg_size=0, timeout=0.5)

    async def serve(
        self, inside: Sequence[str], started: Callable[[Process], None], path: NodeStream | None
    ) -> WebSocketResponse:
        """`inside` is `argv` wrapped to run in the container, empty where the container's image
        lacks the command; `started` gets the process. `path` carries what the command prints
        through its node."""
        await self._open()
        if inside:
            process = await _started(self.request, inside)
            started(process)
            await self._relay(CommandOutput(self, process, path))
        else:
            await self._say_status(missing_command(self.argv[0] if self.argv else ""))
        return self.socket

    async def serve_synthetic(self, pieces: Pieces) -> WebSocketResponse:
        """Answer from (channel, data) pieces; the last, on channel 3, is the exit code."""
        await self._open()
        reading = create_task(_until_closed(self.socket))
        writing = create_task(self._pass(pieces))
        await _first_of(reading, writing)
        reading.cancel()
        writing.cancel()
        return self.socket

    async def _open(self) -> None:
        await self.socket.prepare(self.request)
        await self._send(STDOUT, b"")

    async def _send(self, channel: int, data: bytes) -> None:
        await self.socket.send_bytes(bytes([channel]) + data)

    # --- a command that runs

    async def _relay(self, output: CommandOutput) -> None:
        """Copy both directions until the command ends, the client leaves or a test ends the
        stream."""
        ending = create_task(output.finish())
        reading = create_task(copy_in(self.socket, output.process))
        asked = create_task(self.stream.ended.wait())
        try:
            await _first_of(ending, reading, asked)
            await self._say_why(ending)
        finally:
            output.kill()
            await ending
            reading.cancel()
            asked.cancel()

    async def _say_why(self, ending: Task[int]) -> None:
        """The last frame; none where the client has left."""
        if self.stream.ended.is_set():
            await self._say_last(self.stream.last_word)
        elif ending.done():
            await self._say_end(ending.result())

    async def pass_on(self, channel: int, chunk: bytes) -> None:
        """In the pieces that a test asks for."""
        await self.stream.pass_on()
        for piece in self.stream.pieces(chunk):
            await self._send(channel, piece)

    # --- pieces without a command

    async def _pass(self, pieces: Pieces) -> None:
        async for channel, data in pieces:
            await self.stream.pass_on()
            if channel == ERROR:
                await self._say_end(int(data))
            else:
                await self._send(channel, data)

    # --- the end

    async def _say_end(self, returncode: int) -> None:
        protocol = self.socket.ws_protocol or PROTOCOLS[1]
        await self._say_status(exit_status(exit_code(returncode), protocol, self.argv))

    async def _say_last(self, text: str | None) -> None:
        """A test's own end of a stream: any bytes as the Status frame, or none."""
        with suppress(ConnectionError):
            if text is not None:
                await self._send(ERROR, text.encode())
            await self.socket.close(code=1000)

    async def _say_status(self, status: Object) -> None:
        await self._say_last(json.dumps(status))


class CommandOutput:
    """What a command prints, as it goes to the client: straight, or over a stream through its
    node."""

    def __init__(self, to: ExecSession, process: Process, path: NodeStream | None) -> None:
        self.process = process
        self._to = to
        self._path = path

    async def finish(self) -> int:
        """Wait for the command, and briefly for what its children still write (as containerd
        does)."""
        copies = create_task(self._copy_all())
        code = await self.process.wait()
        await asyncio.wait({copies}, timeout=1.0)
        copies.cancel()
        return code

    def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()

    async def _copy_all(self) -> None:
        if self._path is None:
            await _copy_both(self.process, self._to.pass_on)
            return
        with closing(self._path) as path:
            writing = create_task(_into(path, self.process))
            try:
                async for channel, chunk in path.frames():
                    await self._to.pass_on(channel, chunk)
            finally:
                writing.cancel()


async def copy_in(socket: WebSocketResponse, process: Process) -> None:
    """Feed stdin until the client closes it (v5) or goes away."""
    async for message in socket:
        if message.type == WSMsgType.BINARY and message.data and process.stdin:
            await _feed(process.stdin, message.data)


async def _feed(stdin: StreamWriter, frame: bytes) -> None:
    if frame[0] == STDIN:
        stdin.write(frame[1:])
        with suppress(ConnectionError):
            await stdin.drain()
    elif frame[:2] == CLOSE_STDIN:
        stdin.close()


async def _into(path: NodeStream, process: Process) -> None:
    with suppress(OSError):
        await _copy_both(process, path.write)
    path.finish()


async def _copy_both(process: Process, write: Write) -> None:
    """stdout and stderr, as they come."""
    await asyncio.gather(
        _copy(process.stdout, partial(write, STDOUT)), _copy(process.stderr, partial(write, STDERR))
    )


async def _copy(source: StreamReader | None, write: Callable[[bytes], Awaitable[None]]) -> None:
    while source is not None and (chunk := await source.read(CHUNK)):
        await write(chunk)


async def _first_of(*tasks: Task[Any]) -> None:
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)


async def _started(request: Request, inside: Sequence[str]) -> Process:
    return await asyncio.create_subprocess_exec(
        *inside,
        stdin=_wanted(request, "stdin"),
        stdout=_wanted(request, "stdout"),
        stderr=_wanted(request, "stderr"),
        env=_environment(),
    )


def _wanted(request: Request, stream: str) -> int:
    return PIPE if request.query.get(stream) == "true" else DEVNULL


def _environment() -> dict[str, str]:
    path = os.environ.get("PATH", "")
    return {"PATH": path, "HOME": "/root", "TERM": "xterm", "LC_ALL": "C"}


async def _until_closed(socket: WebSocketResponse) -> None:
    async for _ in socket:
        pass
