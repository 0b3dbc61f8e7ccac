"""The API server through a real SOCKS5 server: requests, watches, exec streams, TLS; and what is said where it fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from collectors.cluster.api import socks as socks_module
from collectors.cluster.api.connection import Cluster, ConnectionRequest, open_cluster
from collectors.cluster.api.exec_stream import ExecRunner
from collectors.cluster.api.socks import SocksProxy
from collectors.command_runner import STDOUT
from collectors.errors import ClusterError, ConfigError
from tests.support.fake_api import FakeApi, served
from tests.support.socks_server import SocksServer, socks
from tests.support.tls_front import Certificates, Front

NAME = "lab.example"  # that the proxy alone knows
POD = {"metadata": {"name": "web-1", "namespace": "shop"}}


class ExecApi(FakeApi):
    """Echoes one line for every exec."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if not request.path.endswith("/exec"):
            return await super().answer(request)
        socket = web.WebSocketResponse(protocols=["v5.channel.k8s.io"])
        await socket.prepare(request)
        await socket.send_bytes(b"\x01hello")
        await socket.send_bytes(b"\x03" + json.dumps({"status": "Success"}).encode())
        await socket.close()
        return socket


def edited(path: Path, **cluster: str) -> Path:
    config = json.loads(path.read_text())
    config["clusters"][0]["cluster"].update(cluster)
    path.write_text(json.dumps(config))
    return path


def port_of(path: Path) -> int:
    server = json.loads(path.read_text())["clusters"][0]["cluster"]["server"]
    return int(server.rpartition(":")[2])


async def connected(path: Path) -> Cluster:
    return await open_cluster(ConnectionRequest(str(path), namespace=""))


@pytest.fixture
def front() -> Iterator[Front]:
    made = Front()
    yield made
    made.close()


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
async def test_requests_watches_and_streams_go_through_it(tmp_path: Path, scheme: str) -> None:
    api, proxy = ExecApi(items={"/api/v1/pods": [POD]}), SocksServer(names={NAME: "127.0.0.1"})
    async with served(api, tmp_path) as path, socks(proxy):
        there = f"{NAME}:{port_of(path)}"
        edited(
            path, server=f"http://{there}", **{"proxy-url": f"{scheme}://127.0.0.1:{proxy.port}"}
        )
        cluster = await connected(path)
        try:
            found = await cluster.rest.get("/api/v1/pods")
            assert found["items"] == [POD]
            running = await ExecRunner(cluster, "shop", "web-1", "app").start(["true"])
            out = [piece.data async for piece in running.output() if piece.channel == STDOUT]
            await running.close()
            assert out == [b"hello"] and running.exit_code == 0
        finally:
            await cluster.close()
    assert set(proxy.asked) == {there} and len(proxy.asked) >= 2, "a name, not an address"


async def test_tls_is_between_podwire_and_the_server(tmp_path: Path, front: Front) -> None:
    certificates = Certificates(tmp_path)
    proxy = SocksServer(names={NAME: "127.0.0.1", "other.example": "127.0.0.1"})
    async with served(FakeApi(), tmp_path) as path, socks(proxy):
        port = front.tls(certificates, "named", port_of(path))
        through = {
            "proxy-url": f"socks5://127.0.0.1:{proxy.port}",
            "certificate-authority": "ca.crt",
        }
        edited(path, server=f"https://{NAME}:{port}", **through)
        await (await connected(path)).close()
        edited(path, server=f"https://other.example:{port}")
        with pytest.raises(ClusterError, match="certificate that this context does not trust"):
            await connected(path)
        edited(path, **{"tls-server-name": NAME})
        await (await connected(path)).close()


async def test_a_user_and_password_of_the_proxy(tmp_path: Path) -> None:
    proxy = SocksServer(users={"al@x": "se:cret"})
    async with served(FakeApi(), tmp_path) as path, socks(proxy):
        edited(path, **{"proxy-url": f"socks5://al%40x:se%3Acret@127.0.0.1:{proxy.port}"})
        await (await connected(path)).close()
        edited(path, **{"proxy-url": f"socks5://al%40x:wrong-one@127.0.0.1:{proxy.port}"})
        with pytest.raises(ClusterError) as refused:
            await connected(path)
    assert "did not connect" in str(refused.value) and "wrong-one" not in str(refused.value)


async def test_a_proxy_that_refuses_or_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    proxy = SocksServer(refusal=5)
    async with served(FakeApi(), tmp_path) as path:
        async with socks(proxy):
            edited(path, **{"proxy-url": f"socks5://127.0.0.1:{proxy.port}"})
            with pytest.raises(ClusterError) as refused:
                await connected(path)
        with pytest.raises(ClusterError) as absent:
            await connected(path)
    where = f"The API server at 127.0.0.1:{port_of(path)} cannot be reached: The SOCKS proxy at "
    assert str(refused.value).startswith(where) and "did not connect: " in str(refused.value)
    assert str(absent.value).startswith(where)
    assert str(absent.value).endswith("cannot be reached. Check proxy-url or HTTPS_PROXY.")


async def test_the_environments_proxy_may_be_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = SocksServer(names={NAME: "127.0.0.1"})
    async with served(FakeApi(), tmp_path) as path, socks(proxy):
        edited(path, server=f"http://{NAME}:{port_of(path)}")
        for name in ("NO_PROXY", "no_proxy", "HTTP_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("http_proxy", f"socks5://127.0.0.1:{proxy.port}")
        await (await connected(path)).close()
    assert proxy.asked


async def test_without_the_library_it_is_said_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socks_module, "LIBRARY", "python_socks_that_is_not_there")
    async with served(FakeApi(), tmp_path) as path:
        edited(path, **{"proxy-url": "socks5://127.0.0.1:1"})
        with pytest.raises(ConfigError, match=r"through a SOCKS proxy: install podwire\[socks\]"):
            await connected(path)
        edited(path, **{"proxy-url": "socks4://127.0.0.1:1"})
        with pytest.raises(ConfigError, match="podwire knows http, https, socks5, socks5h"):
            await connected(path)


def test_a_port_that_is_not_said_is_1080() -> None:
    assert SocksProxy.of("socks5://proxy") == SocksProxy("proxy", 1080)
    assert SocksProxy.of("socks5h://u:p%2F@[::1]:9") == SocksProxy("::1", 9, "u", "p/")
    assert SocksProxy.of("http://proxy") is None and SocksProxy.of(None) is None
