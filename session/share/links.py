"""How a console reaches the socket of a shared session: on this machine itself, or by a command
(`ssh bastion podwire join --stdio`) whose standard input and output carry the same bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shlex
import socket
import time
from abc import ABC, abstractmethod
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from collectors.errors import ConfigError
from collectors.sanitize import sanitize, sanitize_bytes

GREETING = b"\npodwire join: the session begins here\n"  # what a shell says before it is skipped
MOST_BEFORE = 1 << 16  # bytes before the greeting
SHOWN = 100  # characters of what came in its place
LINES_KEPT, LONGEST_LINE = 3, 200  # of standard error, for a message; characters
CONNECT_S = 30.0  # that many others may wait before
END_S = 2.0  # for a command that is left to end by itself
ALIVE = ("-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3")  # ssh_config(5)

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class SessionLink(ABC):
    """`name` is what is joined, for messages."""

    name: str

    @abstractmethod
    async def open(self, first: bytes) -> Ends:
        """Once; `first` is sent. ConfigError where the session cannot be reached."""

    @abstractmethod
    async def close(self) -> None: ...

    def why(self) -> str:
        """Why it ended, a clause; '' where that is not known."""
        return ""


class SocketLink(SessionLink):
    def __init__(self, path: Path) -> None:
        self.name = sanitize(path.stem, 80)
        self._path = path
        self._writer: asyncio.StreamWriter | None = None

    async def open(self, first: bytes) -> Ends:
        """One that is refused has been closed meanwhile: why is read all the same."""
        joining = socket.socket(socket.AF_UNIX)
        joining.setblocking(False)
        try:
            await _connect(joining, str(self._path))
            with contextlib.suppress(BrokenPipeError):
                joining.send(first)
            reader, self._writer = await asyncio.open_unix_connection(sock=joining)
        except OSError as error:
            reason = error.strerror or "it does not answer"
            raise ConfigError(f"The session {self.name} cannot be joined: {reason}.") from None
        return reader, self._writer

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


async def _connect(joining: socket.socket, path: str) -> None:
    """Where many wait to be accepted, later: the loop's own call would not notice (unix(7),
    EAGAIN)."""
    deadline = time.monotonic() + CONNECT_S
    while True:
        try:
            joining.connect(path)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
        else:
            return
        await asyncio.sleep(0.05)


class CommandLink(SessionLink):
    """`say` is given each line of its standard error until the session begins: the terminal belongs
    to the console from there on."""

    def __init__(self, argv: Sequence[str], say: Callable[[str], None]) -> None:
        self.argv = argv
        self.name = sanitize(shlex.join(argv), 200)
        self._say: Callable[[str], None] | None = say
        self._process: Process | None = None
        self._listening: asyncio.Task[None] | None = None
        self._lines: deque[str] = deque(maxlen=LINES_KEPT)

    def why(self) -> str:
        return "; ".join(self._lines)

    async def begin(self) -> None:
        """Start it, and wait until it greets: it may ask for a password meanwhile. ConfigError
        where it cannot be started, ends, or says something else."""
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self.argv, stdin=PIPE, stdout=PIPE, stderr=PIPE, limit=MOST_BEFORE
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not a command"
            raise ConfigError(f"{self.name} cannot be started: {reason}.") from None
        self._listening = asyncio.create_task(self._listen(self._process))
        try:
            await self._greeted(self._process)
        except BaseException:
            await self.close()
            raise
        self._say = None
        self._lines.clear()

    async def _greeted(self, process: Process) -> None:
        assert process.stdout is not None
        try:
            await process.stdout.readuntil(GREETING)
        except asyncio.LimitOverrunError:
            began = sanitize_bytes((await process.stdout.read(SHOWN)).strip())
            raise ConfigError(f"{self.name} sent no session, it began with: {began}") from None
        except asyncio.IncompleteReadError as error:
            await self._raise_end(process, error.partial)

    async def _raise_end(self, process: Process, sent: bytes) -> None:
        code = await process.wait()
        if self._listening is not None:
            await self._listening
        said = sanitize_bytes(sent[:SHOWN].strip())
        said = f" It said: {said}" if said else ""
        raise ConfigError(f"{self.name} ended with code {code}: no session is joined.{said}")

    async def _listen(self, process: Process) -> None:
        """Standard error, to its end, whatever it is."""
        assert process.stderr is not None
        while piece := await process.stderr.read(4_096):
            for line in filter(None, re.split(rb"[\r\n]+", piece)):
                self._hear(sanitize_bytes(line, LONGEST_LINE))

    def _hear(self, line: str) -> None:
        self._lines.append(line)
        if self._say is not None:
            self._say(line)

    async def open(self, first: bytes) -> Ends:
        if self._process is None:
            await self.begin()
        assert self._process is not None and self._process.stdin and self._process.stdout
        self._process.stdin.write(first)
        return self._process.stdout, self._process.stdin

    async def close(self) -> None:
        """Its standard input ends, and it ends by that, or is ended."""
        if self._process is None:
            return
        if self._process.stdin is not None:
            self._process.stdin.close()
        for end in (None, self._process.terminate, self._process.kill):
            with contextlib.suppress(TimeoutError, ProcessLookupError):
                if end is not None:
                    end()
                async with asyncio.timeout(END_S):
                    await self._process.wait()
                break
        await _drain(self._process)
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)


async def _drain(process: Process) -> None:
    """Nobody reads the rest of what it said: a pipe that is full is never closed."""
    assert process.stdout is not None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(END_S):
            while await process.stdout.read(MOST_BEFORE):
                pass


def ssh_command(host: str, session: str) -> list[str]:
    """Its last word is read by a shell on the other machine."""
    remote = ["podwire", "join", "--stdio", *([session] if session else [])]
    return ["ssh", "-T", *ALIVE, "--", host, shlex.join(remote)]


def given_command(text: str) -> list[str]:
    """Words as a shell splits them; no shell reads them. ConfigError where there are none."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ConfigError(f"--via is not a command: {sanitize(error, 100)}.") from None
    if not words:
        raise ConfigError("--via needs a command: ssh bastion podwire join --stdio")
    return words
