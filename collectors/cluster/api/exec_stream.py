"""exec over WebSocket, on aiohttp: v5 or v4, binary, with heartbeat; closes in well under a second.

Why not the client library's own (quadratic buffers, no heartbeat, v4 only, text decoding):
docs/reference/kubernetes-client.md. Reading is driven by the consumer; aiohttp stops reading the
socket when 64 KiB wait, so memory stays bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from yarl import URL

from collectors.cluster.api.connection import Cluster, pod_path
from collectors.cluster.api.fields import as_list, as_mapping
from collectors.cluster.api.rest import retry_after
from collectors.cluster.api.transport import session_options
from collectors.command_runner import STDERR, STDOUT, Output
from collectors.errors import ClusterError, ExecError
from collectors.lazy_import import lazy_import
from collectors.loop_turn import LoopTurn
from collectors.sanitize import sanitize

if TYPE_CHECKING:
    import aiohttp
else:
    aiohttp = lazy_import("aiohttp")

Query = list[tuple[str, str]]
OUTPUTS = (("stdout", "true"), ("stderr", "true"))
PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
ERROR = 3
HEARTBEAT_S = 15.0
CONNECT_S = 10.0
CLOSE_S = 0.4


def exit_code(status: dict[str, Any]) -> int | None:
    """The command's exit code in a Status frame; None where the frame is of another failure."""
    if status.get("status") == "Success":
        return 0
    for cause in _causes(status):
        if cause.get("reason") == "ExitCode":
            with contextlib.suppress(ValueError, TypeError):
                return int(cause.get("message", ""))
    return None


def _causes(status: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    details = as_mapping(status.get("details"))
    return map(as_mapping, as_list(details.get("causes")))


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
        turn = LoopTurn()
        async for message in self._socket:
            await turn.share()
            if message.type == aiohttp.WSMsgType.BINARY and message.data:
                channel = message.data[0]
                if channel == ERROR:
                    self._read_status(message.data[1:])
                elif channel in (STDOUT, STDERR) and len(message.data) > 1:
                    yield Output(channel, message.data[1:])
        if self.exit_code is None and not self.message:
            self.message = f"the stream broke off{self._why_broken()}"

    def _why_broken(self) -> str:
        reason = self._socket.exception()
        return f" ({sanitize(reason, 120)})" if reason else ""

    def _read_status(self, data: bytes) -> None:
        status = _decoded(data)
        if not isinstance(status, dict):
            self.message = "the API server ended the stream without a readable status"
            return
        self.exit_code = exit_code(status)
        if self.exit_code is None:
            said = status.get("message") or "the command failed for an unknown reason"
            self.message = sanitize(said, 600)

    async def close(self) -> None:
        """Leave at once: the runtime kills the command."""
        with contextlib.suppress(Exception):
            await self._socket.close()
        await self._session.close()


def _decoded(data: bytes) -> object:
    try:
        return json.loads(data)
    except ValueError:
        return None


def _unreachable(where: str, error: BaseException) -> ExecError:
    reason = sanitize(error, 160) or "no answer in time"
    return ExecError(f"{where}: the API server cannot be reached ({reason}).")


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
        rest = self.cluster.rest
        if rest.read_only:
            raise ExecError("podwire was started with --read-only: nothing is run in the cluster.")
        session = aiohttp.ClientSession(connector=rest.connector(4))
        try:
            return ExecRunning(session, await self._connect(session, self._query(argv)))
        except BaseException as error:
            await session.close()
            if isinstance(error, (aiohttp.ClientError, TimeoutError, OSError)):
                raise await self._refused(error) from None
            raise

    def _query(self, argv: Sequence[str]) -> Query:
        command = [("command", part) for part in argv]
        return [*command, ("container", self.container), *OUTPUTS]

    async def _connect(
        self, session: aiohttp.ClientSession, query: Query
    ) -> aiohttp.ClientWebSocketResponse:
        try:
            return await self._handshake(session, query)
        except aiohttp.WSServerHandshakeError as error:
            if error.status != 401 or not await self.cluster.rest.renew():
                raise
        return await self._handshake(session, query)

    async def _handshake(
        self, session: aiohttp.ClientSession, query: Query
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
        where = f"exec into {self.pod}/{self.container}"
        if not isinstance(error, aiohttp.WSServerHandshakeError):
            return _unreachable(where, error)
        said = await self._refusal(error.status, where)
        return ExecError(f"{where} was refused: {said}")

    async def _refusal(self, status: int, what: str) -> str:
        """The handshake's error carries no body; asking the same path plainly gives the reason."""
        query = {"container": self.container, "command": "true"}
        try:
            await self.cluster.rest.get(self._path, what=what, **query)
        except ClusterError as reason:
            if reason.status == status or status in (401, 403, 404):
                return str(reason)
        return f"HTTP {status}. Is the container still running?"
