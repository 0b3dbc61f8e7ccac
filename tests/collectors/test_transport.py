"""The API server through an HTTP proxy (`proxy-url: http://`): requests, watches and exec streams; what fails is a
sentence."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from collectors.cluster.api.exec_stream import ExecRunner
from collectors.command_runner import STDOUT
from collectors.errors import ClusterError
from tests.collectors.test_socks import POD, ExecApi, connected, edited, port_of
from tests.support.fake_api import FakeApi, served
from tests.support.tls_front import Certificates, Front


@dataclass
class ConnectProxy:
    """An HTTP proxy that knows CONNECT. `user` is name:password where it wants one; `refusal` the
    status line of its answer to everything, where it is not ''."""

    user: str = ""
    refusal: str = ""
    asked: list[str] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, target, _ = head.partition("\r\n")[0].split()
        self.asked.append(f"{method} {target}")
        if self.refusal or not self._knows(head):
            status = self.refusal or "407 Proxy Authentication Required"
            writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
            writer.close()
            return
        host, _, port = target.rpartition(":")
        there, back = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(_copy(reader, back), _copy(there, writer))

    def _knows(self, head: str) -> bool:
        pair = base64.b64encode(self.user.encode()).decode()
        return not self.user or f"proxy-authorization: basic {pair}".lower() in head.lower()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
    except OSError:
        pass
    target.close()


@asynccontextmanager
async def proxied(proxy: ConnectProxy) -> AsyncIterator[int]:
    listening = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = listening.sockets[0].getsockname()[1]
    try:
        yield proxy.port
    finally:
        listening.close()


@pytest.fixture
def front() -> Iterator[Front]:
    made = Front()
    yield made
    made.close()


def behind_tls(path: Path, folder: Path, front: Front, proxy: str) -> int:
    """The kubeconfig with TLS before the server, and a proxy before that; the port of the TLS."""
    port = front.tls(Certificates(folder), "server", port_of(path))
    through = {"proxy-url": proxy, "certificate-authority": "ca.crt"}
    edited(path, server=f"https://127.0.0.1:{port}", **through)
    return port


async def test_requests_and_streams_go_through_it(tmp_path: Path, front: Front) -> None:
    api, proxy = ExecApi(items={"/api/v1/pods": [POD]}), ConnectProxy(user="al:secret-1")
    async with served(api, tmp_path) as path, proxied(proxy) as port:
        there = behind_tls(path, tmp_path, front, f"http://al:secret-1@127.0.0.1:{port}")
        cluster = await connected(path)
        try:
            assert (await cluster.rest.get("/api/v1/pods"))["items"] == [POD]
            before = len(proxy.asked)
            running = await ExecRunner(cluster, "shop", "web-1", "app").start(["true"])
            out = [piece.data async for piece in running.output() if piece.channel == STDOUT]
            await running.close()
            assert out == [b"hello"] and running.exit_code == 0
        finally:
            await cluster.close()
    assert set(proxy.asked) == {f"CONNECT 127.0.0.1:{there}"}
    assert len(proxy.asked) > before, "the exec stream has a connection of its own"


@pytest.mark.parametrize(
    ("proxy", "says"),
    [
        (ConnectProxy(user="al:right"), "407"),
        (ConnectProxy(refusal="403 Forbidden"), "403"),
        (ConnectProxy(refusal="502 Bad Gateway"), "502"),
    ],
    ids=["password", "forbidden", "no route"],
)
async def test_a_proxy_that_refuses_is_named(
    tmp_path: Path, front: Front, proxy: ConnectProxy, says: str
) -> None:
    async with served(FakeApi(), tmp_path) as path, proxied(proxy) as port:
        behind_tls(path, tmp_path, front, f"http://al:wrong-one@127.0.0.1:{port}")
        with pytest.raises(ClusterError) as refused:
            await connected(path)
    text = str(refused.value)
    assert "proxy" in text.lower() and says in text, text
    assert "wrong-one" not in text and "Traceback" not in text
