"""`pods/exec` over WebSocket: subprotocols v4 and v5, real exit codes, Status frames as a kubelet
sends them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable, Sequence
from secrets import token_hex
from typing import Any

from aiohttp import WSMsgType, web

from lab.api.hooks import HookStream

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
STDIN, STDOUT, STDERR, ERROR, CLOSE = 0, 1, 2, 3, 255
CHUNK = 32 * 1024


def success() -> dict[str, Any]:
    return {"metadata": {}, "status": "Success"}


def exit_status(code: int, protocol: str, argv: Sequence[str]) -> dict[str, Any]:
    said = f"command terminated with exit code {code}"
    if protocol == "v4.channel.k8s.io":
        said = f"error executing command [{' '.join(argv)}], exit code {code}"
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: {said}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


def missing_command(command: str) -> dict[str, Any]:
    why = "executable file not found in $PATH"
    if "/" in command:
        why = f"stat {command}: no such file or directory"
    said = (
        "error executing command in container: failed to exec in container: failed to start "
        f'exec "{token_hex(32)}": '
        "OCI runtime exec failed: exec failed: unable to start container process: exec: "
        f'"{command}": {why}'
    )
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"Internal error occurred: {said}",
        "reason": "InternalError",
        "details": {"causes": [{"message": said}]},
        "code": 500,
    }


def exit_code(returncode: int) -> int:
    """A killed command's code as a shell and containerd give it: 128 plus the signal."""
    return 128 - returncode if returncode < 0 else returncode


async def copy_out(
    source: asyncio.StreamReader, channel: int, socket: web.WebSocketResponse, stream: HookStream
) -> None:
    while chunk := await source.read(CHUNK):
        await stream.pass_on()
        size = stream.split or len(chunk)
        for start in range(0, len(chunk), size):
            await socket.send_bytes(bytes([channel]) + chunk[start : start + size])


async def copy_in(socket: web.WebSocketResponse, process: Process) -> None:
    """Feed stdin until the client closes it (v5) or goes away."""
    async for message in socket:
        if message.type != WSMsgType.BINARY or not message.data or process.stdin is None:
            continue
        if message.data[0] == STDIN:
            process.stdin.write(message.data[1:])
            with contextlib.suppress(ConnectionError):
                await process.stdin.drain()
        elif message.data[0] == CLOSE and message.data[1:2] == bytes([STDIN]):
            process.stdin.close()


async def finish(process: Process, copies: list[asyncio.Task[None]]) -> int:
    """Wait for the command, and briefly for what its children still write (as containerd does)."""
    code = await process.wait()
    await asyncio.wait(copies, timeout=1.0)
    for copy in copies:
        copy.cancel()
    return code


async def serve(
    request: web.Request,
    argv: Sequence[str],
    inside: Sequence[str],
    started: Callable[[Process], None],
    stream: HookStream,
) -> web.WebSocketResponse:
    """Answer one exec. `argv` is what was asked for, `inside` the same wrapped to run in the
    container, empty where the container's image lacks the command; `started` gets the process."""
    socket = web.WebSocketResponse(protocols=PROTOCOLS, max_msg_size=0, timeout=0.5)
    await socket.prepare(request)
    await socket.send_bytes(bytes([STDOUT]))
    if not inside:
        await say_status(socket, missing_command(argv[0] if argv else ""))
        return socket
    process = await _started(request, inside)
    started(process)
    await _relay(socket, process, argv, stream)
    return socket


async def _started(request: web.Request, inside: Sequence[str]) -> Process:
    wanted = {name: request.query.get(name) == "true" for name in ("stdin", "stdout", "stderr")}
    return await asyncio.create_subprocess_exec(
        *inside,
        stdin=PIPE if wanted["stdin"] else DEVNULL,
        stdout=PIPE if wanted["stdout"] else DEVNULL,
        stderr=PIPE if wanted["stderr"] else DEVNULL,
        env={"PATH": os.environ.get("PATH", ""), "HOME": "/root", "TERM": "xterm", "LC_ALL": "C"},
    )


async def _relay(
    socket: web.WebSocketResponse, process: Process, argv: Sequence[str], stream: HookStream
) -> None:
    """Copy both directions until the command ends, the client leaves or a test ends the stream."""
    copies = _copies_out(socket, process, stream)
    ending = asyncio.create_task(finish(process, copies))
    reading = asyncio.create_task(copy_in(socket, process))
    asked = asyncio.create_task(stream.ended.wait())
    try:
        await asyncio.wait({ending, reading, asked}, return_when=asyncio.FIRST_COMPLETED)
        if asked.done():
            await say_last(socket, stream.last_word)
        elif ending.done():
            await say_end(socket, ending.result(), argv)
    finally:
        if process.returncode is None:
            process.kill()
        await ending
        reading.cancel()
        asked.cancel()


def _copies_out(
    socket: web.WebSocketResponse, process: Process, stream: HookStream
) -> list[asyncio.Task[None]]:
    sources = ((process.stdout, STDOUT), (process.stderr, STDERR))
    return [
        asyncio.create_task(copy_out(source, channel, socket, stream))
        for source, channel in sources
        if source is not None
    ]


async def serve_synthetic(
    request: web.Request,
    argv: Sequence[str],
    pieces: AsyncIterator[tuple[int, bytes]],
    stream: HookStream,
) -> web.WebSocketResponse:
    """Answer one exec from (channel, data) pieces; the last, on channel 3, is the exit code."""
    socket = web.WebSocketResponse(protocols=PROTOCOLS, max_msg_size=0, timeout=0.5)
    await socket.prepare(request)
    await socket.send_bytes(bytes([STDOUT]))
    reading = asyncio.create_task(_until_closed(socket))
    writing = asyncio.create_task(_pass(socket, argv, pieces, stream))
    await asyncio.wait({reading, writing}, return_when=asyncio.FIRST_COMPLETED)
    for task in (reading, writing):
        task.cancel()
    return socket


async def _until_closed(socket: web.WebSocketResponse) -> None:
    async for _ in socket:
        pass


async def _pass(
    socket: web.WebSocketResponse,
    argv: Sequence[str],
    pieces: AsyncIterator[tuple[int, bytes]],
    stream: HookStream,
) -> None:
    async for channel, data in pieces:
        await stream.pass_on()
        if channel == ERROR:
            await say_end(socket, int(data), argv)
        else:
            await socket.send_bytes(bytes([channel]) + data)


async def say_end(socket: web.WebSocketResponse, returncode: int, argv: Sequence[str]) -> None:
    code = exit_code(returncode)
    await say_status(
        socket, exit_status(code, socket.ws_protocol or PROTOCOLS[1], argv) if code else success()
    )


async def say_last(socket: web.WebSocketResponse, text: str | None) -> None:
    """A test's own end of a stream: any bytes as the Status frame, or none."""
    with contextlib.suppress(ConnectionError):
        if text is not None:
            await socket.send_bytes(bytes([ERROR]) + text.encode())
        await socket.close(code=1000)


async def say_status(socket: web.WebSocketResponse, status: dict[str, Any]) -> None:
    with contextlib.suppress(ConnectionError):
        await socket.send_bytes(bytes([ERROR]) + json.dumps(status).encode())
        await socket.close(code=1000)
