"""Ten thousand pods without namespaces behind them: listed, paged, watched, churning; and what the lab costs."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest

from collectors.kernel import sampler, sampler_program
from lab.supervisor import Lab, LabUnavailable
from tests.support.lab_client import Client, Json, client_of


@pytest.fixture(scope="module")
def large_lab() -> Iterator[Lab]:
    lab = Lab(scale={"pods": 10_000, "services": 1_000, "nodes": 500, "churn": 50})
    try:
        lab.start()
    except LabUnavailable as reason:
        pytest.skip(f"NO LAB HERE: {reason}")
    yield lab
    lab.stop()


@pytest.fixture
async def client(large_lab: Lab) -> AsyncIterator[Client]:
    async with client_of(large_lab) as made:
        yield made


def memory_mib(lab: Lab) -> float:
    """Of every process of a lab, with shared pages counted once (PSS)."""
    top = psutil.Process(lab._process.pid)
    total = 0
    for process in [top, *top.children(recursive=True)]:
        try:
            text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
            total += int(
                next(line for line in text.splitlines() if line.startswith("Pss:")).split()[1]
            )
        except (OSError, StopIteration):
            continue
    return total / 1024


def besides_noise(items: list[Json]) -> int:
    """How many are of the large cluster itself, default/kubernetes with it: noise comes and goes."""
    return sum(item["metadata"]["namespace"] != "noise" for item in items)


async def test_ten_thousand_pods_in_pages(client: Client) -> None:
    found: dict[str, str] = {}
    token, pages = "", 0
    while True:
        page = await client.get(
            f"/api/v1/pods?limit=500&continue={token}" if token else "/api/v1/pods?limit=500"
        )
        found.update({i["metadata"]["uid"]: i["metadata"]["name"] for i in page["items"]})
        pages += 1
        token = page["metadata"].get("continue", "")
        if not token:
            break
    assert 10_000 < len(found) < 10_100 and pages == 21
    nodes, services, slices = [
        (await client.get(path))["items"]
        for path in (
            "/api/v1/nodes",
            "/api/v1/services",
            "/apis/discovery.k8s.io/v1/endpointslices?limit=2000",
        )
    ]
    assert [len(nodes), besides_noise(services), besides_noise(slices)] == [502, 1005, 1005]


async def test_churn_is_seen_in_a_watch(client: Client) -> None:
    version = (await client.get("/api/v1/pods?limit=1"))["metadata"]["resourceVersion"]
    lines = await client.lines(f"/api/v1/pods?watch=true&resourceVersion={version}", 2.0, enough=60)
    kinds = {x["line"]["type"] for x in lines}
    assert kinds == {"ADDED", "MODIFIED", "DELETED"} and len(lines) >= 60
    versions = [int(x["line"]["object"]["metadata"]["resourceVersion"]) for x in lines]
    assert versions == sorted(versions)


async def test_a_synthetic_node_answers_a_sampler(client: Client) -> None:
    pod = {
        "metadata": {"name": "sampler", "namespace": "default"},
        "spec": {
            "nodeName": "synth-0042",
            "hostNetwork": True,
            "containers": [
                {"name": "c", "image": "nicolaka/netshoot", "command": ["sleep", "100"]}
            ],
        },
    }
    assert (await client.call("POST", "/api/v1/namespaces/default/pods", pod))[0] == 201
    socket = await client.session.ws_connect(
        client.url("/api/v1/namespaces/default/pods/sampler/exec"),
        params=[*(("command", part) for part in sampler_program.command(2)), ("stdout", "true")],
        protocols=["v5.channel.k8s.io"],
    )
    reader, frames = sampler.FrameReader(), []
    async for message in socket:
        if message.data[0] == 1:
            frames += list(reader.feed(message.data[1:]))
    settings: dict[str, int] = {}
    first, second = (sampler.sample(f, "x", 0.0, settings) for f in frames)
    assert second.clock - first.clock == 1.0
    assert second.values["TcpRetransSegs"] > first.values["TcpRetransSegs"]
    assert 0 < second.values["conntrack_count"] < second.values["conntrack_max"]
    assert (await client.call("DELETE", "/api/v1/namespaces/default/pods/sampler"))[0] == 200
    assert (await client.call("GET", "/api/v1/namespaces/default/pods/sampler"))[0] == 404


async def test_the_real_pods_are_not_disturbed(client: Client) -> None:
    assert await client.probe("shop/frontend@node1", "http", "backend", "80", "/", "5") == "ok 5/5"


@pytest.mark.lab
def test_start_and_memory() -> None:
    """Under 5 s to a ready cluster, under 300 MiB in all (issue: The lab is truthful)."""
    began = time.monotonic()
    lab = Lab()
    try:
        lab.start()
    except LabUnavailable as reason:
        pytest.skip(f"NO LAB HERE: {reason}")
    elapsed = time.monotonic() - began
    time.sleep(3)
    used = memory_mib(lab)
    lab.stop()
    assert used < 300
    assert elapsed < 5


def test_memory_with_ten_thousand_pods(large_lab: Lab) -> None:
    assert memory_mib(large_lab) < 300
