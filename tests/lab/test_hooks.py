"""Trouble on demand: what later tests of streams need from the lab, and that it does what it says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest

from lab.supervisor import Lab
from tests.support.lab_client import Client, client_of

PODS = "/api/v1/namespaces/shop/pods"


@pytest.fixture
async def client(own_lab: Lab) -> AsyncIterator[Client]:
    async with client_of(own_lab) as made:
        yield made
        await made.hook(do="clear")


async def exec_socket(client: Client, *argv: str) -> aiohttp.ClientWebSocketResponse:
    pod = (await client.pod("shop", "search"))["metadata"]["name"]
    command = "&".join(f"command={part}" for part in argv)
    url = client.url(f"{PODS}/{pod}/exec?{command}&stdout=true&stderr=true")
    return await client.session.ws_connect(url, protocols=["v5.channel.k8s.io"], max_msg_size=0)


async def test_any_status_so_many_times(client: Client) -> None:
    await client.hook(do="rule", match="/pods$", code=503, times=2)
    statuses = [(await client.call("GET", PODS))[0] for _ in range(3)]
    assert statuses == [503, 503, 200]
    await client.hook(
        do="rule", match="/pods$", code=429, headers={"Retry-After": "1"}, body="slow down", times=1
    )
    async with client.session.get(client.url(PODS)) as response:
        assert (response.status, response.headers["Retry-After"], await response.text()) == (
            429,
            "1",
            "slow down",
        )


async def test_delay(client: Client) -> None:
    await client.hook(do="rule", match="/version", delay_s=0.4, times=1)
    elapsed = []
    for _ in range(2):
        began = time.monotonic()
        assert (await client.call("GET", "/version"))[0] == 200
        elapsed.append(time.monotonic() - began)
    assert elapsed[0] >= 0.4 > elapsed[1]


async def test_cut_a_watch_and_an_exec(client: Client) -> None:
    socket = await exec_socket(client, "sh", "-c", "while+:;do+echo+x;sleep+0.1;done")
    await socket.receive(2)
    watching = asyncio.create_task(client.lines(f"{PODS}?watch=true", 5))
    await asyncio.sleep(0.3)
    assert (await client.hook(do="cut", match=""))["streams"] == 2
    with pytest.raises(aiohttp.ClientError):
        await asyncio.wait_for(watching, 2)
    kinds: list[aiohttp.WSMsgType] = []
    while not kinds or kinds[-1] == aiohttp.WSMsgType.BINARY:
        kinds.append((await socket.receive(2)).type)
    assert socket.close_code == 1006, "no close frame, as when a proxy dies"


async def test_freeze_and_thaw(client: Client) -> None:
    socket = await exec_socket(client, "sh", "-c", "while+:;do+echo+x;sleep+0.05;done")
    await client.hook(do="freeze", match="/exec$")
    with pytest.raises(TimeoutError):
        while True:  # what was in flight
            await socket.receive(0.5)
    await client.hook(do="thaw", match="/exec$")
    assert (await socket.receive(1)).data[1:].startswith(b"x")
    await socket.close()


async def test_split_frames(client: Client) -> None:
    await client.hook(do="rule", match="/exec$", split=3)
    socket = await exec_socket(client, "sh", "-c", "echo+hello+world")
    pieces = [m.data[1:] async for m in socket if m.data[0] == 1]
    assert b"".join(pieces) == b"hello world\n" and max(map(len, pieces)) == 3


async def test_expired_watch(client: Client) -> None:
    version = (await client.get(PODS))["metadata"]["resourceVersion"]
    body = {"metadata": {"name": "moved-on"}}
    await client.call("POST", "/api/v1/namespaces/shop/configmaps", body)
    await client.hook(do="expire")
    (line,) = await client.lines(f"{PODS}?watch=true&resourceVersion={version}", 1)
    assert line["line"]["type"] == "ERROR" and line["line"]["object"]["code"] == 410


async def test_restart_refuses_for_a_while_and_comes_back_on_its_port(client: Client) -> None:
    watching = asyncio.create_task(client.lines(f"{PODS}?watch=true", 5))
    await asyncio.sleep(0.2)
    await client.hook(do="restart", seconds=0.8)
    await asyncio.sleep(0.3)
    with pytest.raises(aiohttp.ClientConnectorError):
        await client.call("GET", "/version")
    with pytest.raises(aiohttp.ClientError):
        await asyncio.wait_for(watching, 2)
    await asyncio.sleep(1.0)
    assert (await client.call("GET", "/version"))[0] == 200
    assert (
        await client.probe("shop/frontend@node1", "http", "backend", "80", "/", "1") == "ok 1/1"
    ), "pods live on"


async def test_only_the_administrator_may(client: Client) -> None:
    status, _ = await client.call("POST", "/lab/hooks", {"do": "expire"}, user="viewer")
    assert status == 403
    assert (await client.call("POST", "/lab/hooks", {"do": "nonsense"}))[0] == 400
    assert (await client.call("POST", "/lab/hooks", {"do": "rule", "match": "("}))[0] == 400
