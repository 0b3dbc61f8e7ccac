"""The path of an exec stream on its node: from the kubelet's port to the container runtime's
streaming server on loopback, two connections in the node's network namespace.

What a command prints goes in frames of a channel, a length and bytes. Where the node accepts no
connections (a fault has filled its table), the stream goes without.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from secrets import token_bytes

from lab.namespace_sockets import Address, Streams, close_with_reset, connected_in, listening_in
from lab.network import Sandbox

LOOPBACK, KUBELET_PORT = "127.0.0.1", 10250
TOKEN, HEAD = 16, struct.Struct("!BI")
OPEN_S = 0.5
CUT = (OSError, asyncio.IncompleteReadError)  # how a connection may end


@dataclass(slots=True)
class NodeStream:
    """`inner` is the runtime's end, which writes; `outer` the API server's, which reads."""

    inner: Streams
    outer: Streams

    async def write(self, channel: int, data: bytes) -> None:
        writer = self.inner[1]
        writer.write(HEAD.pack(channel, len(data)) + data)
        await writer.drain()

    def finish(self) -> None:
        """Nothing more is written; what is on its path still arrives."""
        with contextlib.suppress(OSError):
            self.inner[1].write_eof()

    async def frames(self) -> AsyncIterator[tuple[int, bytes]]:
        with contextlib.suppress(*CUT):
            while True:
                channel, length = HEAD.unpack(await self._read(HEAD.size))
                yield channel, await self._read(length)

    async def _read(self, size: int) -> bytes:
        return await self.outer[0].readexactly(size)

    def close(self) -> None:
        """As a kubelet's client leaves: with a RST where something was not read."""
        close_with_reset(self.outer[1])
        self.inner[1].close()


@dataclass(slots=True)
class NodeStreams:
    """The kubelet's and the runtime's servers of one node."""

    sandbox: Sandbox
    address: str
    _runtime: Address = (LOOPBACK, 0)
    _waiting: dict[bytes, asyncio.Future[Streams]] = field(default_factory=dict)

    async def start(self) -> None:
        kubelet = listening_in(self.sandbox.pid, (self.address, KUBELET_PORT))
        runtime = listening_in(self.sandbox.pid, (LOOPBACK, 0))
        self._runtime = runtime.getsockname()
        await asyncio.start_server(self._pass_on, sock=kubelet)
        await asyncio.start_server(self._accept, sock=runtime)

    async def open(self) -> NodeStream | None:
        """None where the node accepts no connections."""
        token = token_bytes(TOKEN)
        self._waiting[token] = asyncio.get_running_loop().create_future()
        try:
            return await asyncio.wait_for(self._joined(token), OPEN_S)
        except OSError:  # TimeoutError is one
            return None
        finally:
            del self._waiting[token]

    async def _joined(self, token: bytes) -> NodeStream:
        """Both ends of a stream, once the runtime has its token."""
        outer = await connected_in(self.sandbox.pid, (self.address, KUBELET_PORT))
        outer[1].write(token)
        return NodeStream(await self._waiting[token], outer)

    async def _pass_on(self, reader: StreamReader, writer: StreamWriter) -> None:
        """The kubelet: joins a client to the runtime."""
        with contextlib.suppress(*CUT):
            token = await reader.readexactly(TOKEN)
            source, target = await connected_in(self.sandbox.pid, self._runtime)
            with contextlib.closing(target):
                target.write(token)
                await _copy(source, writer)
        writer.close()

    async def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        """The runtime: the stream is whose token comes first."""
        with contextlib.suppress(*CUT):
            waiting = self._waiting.get(await reader.readexactly(TOKEN))
            if waiting and not waiting.done():
                waiting.set_result((reader, writer))
                return
        writer.close()


async def _copy(source: StreamReader, target: StreamWriter) -> None:
    while data := await source.read(65_536):
        target.write(data)
        await target.drain()
