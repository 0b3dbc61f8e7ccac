"""The traffic of a control plane on its node, as far as its shape goes: watches that live for long
and are answered whenever something happens, etcd behind the API server, health checks, and watches
of the other nodes. Nothing of it is about pods.

Everything runs in the lab's own process, on sockets of the nodes' network namespaces.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass

from lab.namespace_sockets import Streams, close_with_reset, connected_in, listening_in
from lab.network import Sandbox
from lab.topology import Node

LOOPBACK = "127.0.0.1"
API_PORT, ETCD_PORT, KUBELET_HEALTH, SCHEDULER = 6443, 2379, 10248, 10259
RECORD = b"\x17\x03\x03"  # of TLS, application data
CONNECT_S = 3.0
Answer = Callable[[StreamReader, StreamWriter], Coroutine[None, None, None]]
WATCHES = 3  # of each watcher
EVENTS = 12  # of a watch, after which it is asked for again


@dataclass(frozen=True, slots=True)
class Place:
    """An address and port in a node's network namespace."""

    sandbox: Sandbox
    address: str
    port: int

    def listening(self) -> socket.socket:
        return listening_in(self.sandbox.pid, (self.address, self.port))

    async def connected(self) -> Streams:
        address = (self.address, self.port)
        return await asyncio.wait_for(connected_in(self.sandbox.pid, address), CONNECT_S)


def record(size: int) -> bytes:
    return RECORD + size.to_bytes(2, "big") + bytes(size)


async def _watched(reader: StreamReader, writer: StreamWriter) -> None:
    """The server of a watch: an event from time to time; it ends with a FIN or with a RST."""
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        await reader.readexactly(3)
        for _ in range(EVENTS):
            await _send_event(writer)
    _leave(writer, reset=random.random() < 0.5)


async def _send_event(writer: StreamWriter) -> None:
    await asyncio.sleep(random.uniform(0.5, 8.0))
    writer.write(record(random.randint(200, 3_000)))
    await writer.drain()


async def _answered(reader: StreamReader, writer: StreamWriter) -> None:
    """The server of a health check, or of etcd: each request is answered at once."""
    with contextlib.suppress(OSError):
        while await reader.read(4096):
            writer.write(record(200))
            await writer.drain()
    writer.close()


def _leave(writer: StreamWriter, reset: bool) -> None:
    if reset:
        close_with_reset(writer)
    else:
        writer.close()


async def watch(place: Place) -> None:
    """A client of watches; for ever."""
    while True:
        with contextlib.suppress(OSError):
            await _watch_once(place)
        await asyncio.sleep(random.uniform(0.2, 1.0))


async def _watch_once(place: Place) -> None:
    reader, writer = await place.connected()
    writer.write(record(250))
    while await reader.read(65_536):
        pass
    writer.close()


async def ask(place: Place, seconds: float, kept: bool) -> None:
    """A client that asks every so many seconds, on one connection or on a new one; for ever."""
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await place.connected()
            with contextlib.closing(writer):
                await _ask(reader, writer, seconds)
                while kept:
                    await _ask(reader, writer, seconds)
        await asyncio.sleep(0.1)


async def _ask(reader: StreamReader, writer: StreamWriter, seconds: float) -> None:
    writer.write(record(120))
    await reader.read(4096)
    await asyncio.sleep(seconds)


async def serve(nodes: Sequence[tuple[Node, Sandbox]]) -> None:
    """All of it; for ever."""
    (main, on_main), *_ = nodes
    watched = Place(on_main, LOOPBACK, API_PORT), Place(on_main, main.address, API_PORT)
    answered = [
        *(Place(one, LOOPBACK, KUBELET_HEALTH) for _, one in nodes),
        Place(on_main, LOOPBACK, ETCD_PORT),
        Place(on_main, LOOPBACK, SCHEDULER),
    ]
    await _start(watched, _watched)
    await _start(answered, _answered)
    await asyncio.gather(*_watchers(nodes), *map(_asker, answered))


async def _start(places: Iterable[Place], answer: Answer) -> None:
    for place in places:
        await asyncio.start_server(answer, sock=place.listening())


def _asker(place: Place) -> Coroutine[None, None, None]:
    return ask(place, 10.0, kept=place.port == ETCD_PORT)


def _watchers(nodes: Sequence[tuple[Node, Sandbox]]) -> list[Coroutine[None, None, None]]:
    """On the control plane's node over loopback, on the others at its address."""
    (main, on_main), *others = nodes
    places = [Place(on_main, LOOPBACK, API_PORT)]
    places += [Place(sandbox, main.address, API_PORT) for _, sandbox in others]
    return [watch(place) for place in places for _ in range(WATCHES)]
