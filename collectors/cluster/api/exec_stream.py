"""exec over WebSocket, on aiohttp: v5 or v4, binary, with heartbeat; closes in well under a second.

Why not the client library's own (quadratic buffers, no heartbeat, v4 only, text decoding):
docs/reference/kubernetes-client.md. Reading is driven by the consumer; aiohttp stops reading the
socket when 64 KiB wait, so memory stays bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from yarl import URL

from collectors.cluster.api.connection import Cluster, pod_path
from collectors.cluster.api.rest import retry_after
from collectors.cluster.api.transport import connector, session_options
from collectors.command_runner import STDERR, STDOUT, Output
from collectors.errors import ClusterError, ExecError
from collectors.lazy_import import lazy_import
from collectors.sanitize import sanitize

if TYPE_CHECKING:
    import aiohttp
else:
    aiohttp = lazy_import("aiohttp")

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
ERROR = 3
HEARTBEAT_S = 15.0
CONNECT_S = 10.0
CLOSE_S = 0.4


def exit_code(status: dict[str, Any]) -> int | None:
    """The command's exit code in a Status frame; None where the frame is of another failure."""
    if status.get("status") == "Success":
        return 0
    details = status.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    for cause in causes if isinstance(causes, list) else ():
        if isinstance(cause, dict) and cause.get("reason") == "ExitCode":
            with contextlib.suppress(ValueError, TypeError):
                return int(cause.get("message"))  # type: ignore[arg-type]
    return None


class ExecRunning:
    """A command that runs in a container.

    `message` is what the API server said where it gave no exit code.
    """

    def __init__(
        self, session: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse
    ) -> None:
        self.exit_code: int | None = None
        self.message = ""
        self.protocol = socket.protocol or ""
        self._session = session
        self._socket = socket

    async def output(self) -> AsyncIterator[Output]:
        """What the command prints, as it comes; ends with the stream.

        `exit_code` says whether the command ended: a stream that breaks leaves it None.
        """
        async for message in self._socket:
            if message.type == aiohttp.WSMsgType.BINARY and message.data:
                channel = message.data[0]
                if channel == ERROR:
                    self._read_status(message.data[1:])
                elif channel in (STDOUT, STDERR) and len(message.data) > 1:
                    yield Output(channel, message.data[1:])
        if self.exit_code is None and not self.message:
            reason = self._socket.exception()
            self.message = f"the stream broke off{f' ({sanitize(reason, 120)})' if reason else ''}"

    def _read_status(self, data: bytes) -> None:
        try:
            status = json.loads(data)
        except ValueError:
            status = None
        if not isinstance(status, dict):
            self.message = "the API server ended the stream without a readable status"
            return
        self.exit_code = exit_code(status)
        if self.exit_code is None:
            self.message = sanitize(
                status.get("message") or "the command failed for an unknown reason", 600
            )

    async def close(self) -> None:
        """Leave at once: the runtime kills the command."""
        with contextlib.suppress(Exception):
            await self._socket.close()
        await self._session.close()


class ExecRunner:
    """Runs commands in one container of one pod."""

    def __init__(self, cluster: Cluster, namespace: str, pod: str, container: str) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.pod = pod
        self.container = container

    @property
    def _path(self) -> str:
        return f"{pod_path(self.namespace, self.pod)}/exec"

    async def start(self, argv: Sequence[str]) -> ExecRunning:
        """Start a command. ExecError with the API server's reason where that is refused."""
        query = [("command", part) for part in argv]
        query += [("container", self.container), ("stdout", "true"), ("stderr", "true")]
        rest = self.cluster.rest
        if rest.read_only:
            raise ExecError("podwire was started with --read-only: nothing is run in the cluster.")
        session = aiohttp.ClientSession(connector=connector(rest.ssl_context, 4))
        try:
            socket = await self._connect(session, query)
        except BaseException as error:
            await session.close()
            if isinstance(error, (aiohttp.ClientError, TimeoutError, OSError)):
                raise await self._refused(error) from None
            raise
        return ExecRunning(session, socket)

    async def _connect(
        self, session: aiohttp.ClientSession, query: list[tuple[str, str]]
    ) -> aiohttp.ClientWebSocketResponse:
        try:
            return await self._handshake(session, query)
        except aiohttp.WSServerHandshakeError as error:
            if error.status != 401 or not await self.cluster.rest.renew():
                raise
        return await self._handshake(session, query)

    async def _handshake(
        self, session: aiohttp.ClientSession, query: list[tuple[str, str]]
    ) -> aiohttp.ClientWebSocketResponse:
        rest = self.cluster.rest
        headers = await rest.headers()
        async with asyncio.timeout(CONNECT_S):
            socket: aiohttp.ClientWebSocketResponse = await session.ws_connect(
                URL(rest.configuration.host + self._path).with_query(query),
                protocols=PROTOCOLS,
                headers=headers,
                heartbeat=HEARTBEAT_S,
                max_msg_size=0,
                timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_S),
                **session_options(rest.configuration),
            )
            return socket

    async def _refused(self, error: BaseException) -> ExecError:
        refusal = await self._reason(error)
        if isinstance(error, aiohttp.WSServerHandshakeError):
            refusal.retry_after = retry_after(error.headers)
        return refusal

    async def _reason(self, error: BaseException) -> ExecError:
        """The handshake's error carries no body; asking the same path plainly gives the reason."""
        where = f"{self.pod}/{self.container}"
        if not isinstance(error, aiohttp.WSServerHandshakeError):
            reason = sanitize(error, 160) or "no answer in time"
            return ExecError(f"exec into {where}: the API server cannot be reached ({reason}).")
        try:
            await self.cluster.rest.get(
                self._path, what=f"exec into {where}", container=self.container, command="true"
            )
        except ClusterError as reason:
            if reason.status == error.status or error.status in (401, 403, 404):
                return ExecError(f"exec into {where} was refused: {reason}")
        return ExecError(
            f"exec into {where} was refused: HTTP {error.status}. Is the container still running?"
        )
