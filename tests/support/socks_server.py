"""A SOCKS5 server (RFC 1928, 1929) that knows names which nobody else does."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

OPEN, PASSWORD, NONE_SUITS = 0, 2, 0xFF
REFUSED = 5


@dataclass
class SocksServer:
    """`names` are addresses of names; with `users` (name: password) it asks for one. `refusal` is
    the reply to every request, where it is not 0; `asked` is host:port of each."""

    names: dict[str, str] = field(default_factory=dict)
    users: dict[str, str] = field(default_factory=dict)
    refusal: int = 0
    asked: list[str] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            if await self._agreed(reader, writer):
                await self._connect(reader, writer)
        writer.close()

    async def _agreed(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        version, count = await reader.readexactly(2)
        offered = await reader.readexactly(count)
        wanted = PASSWORD if self.users else OPEN
        chosen = wanted if version == 5 and wanted in offered else NONE_SUITS
        writer.write(bytes((5, chosen)))
        if chosen != PASSWORD:
            return chosen == OPEN
        _, length = await reader.readexactly(2)
        user = (await reader.readexactly(length)).decode()
        password = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        accepted = self.users.get(user) == password
        writer.write(bytes((1, not accepted)))
        return accepted

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, _, _, kind = await reader.readexactly(4)
        if kind == 3:
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        else:
            host = ".".join(map(str, await reader.readexactly(4)))
        (port,) = struct.unpack("!H", await reader.readexactly(2))
        self.asked.append(f"{host}:{port}")
        address = self.names.get(host, host)
        if self.refusal or (kind == 3 and host not in self.names):
            writer.write(bytes((5, self.refusal or 4, 0, 1, *bytes(6))))
            return
        there, back = await asyncio.open_connection(address, port)
        writer.write(bytes((5, 0, 0, 1, *bytes(6))))
        await asyncio.gather(_copy(reader, back), _copy(there, writer))


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
    target.close()


@asynccontextmanager
async def socks(server: SocksServer) -> AsyncIterator[SocksServer]:
    """Serves it on a port of this machine."""
    listening = await asyncio.start_server(server.serve, "127.0.0.1", server.port)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
