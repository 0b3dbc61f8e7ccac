"""Streams that break are resumed: faults injected into the lab's server, while a capture and a sampler run."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from collectors import events as ev
from collectors.capture.capture import Capture
from collectors.capture.pcap_files import PcapFiles
from collectors.cluster.api import exec_stream
from collectors.cluster.api.connection import connect
from collectors.cluster.attach.attacher import Attacher
from collectors.stream import Stream
from collectors.target import Target
from collectors.target_sampler import TargetSampler
from lab.supervisor import Lab
from tests.support.lab_client import Client, client_of


@pytest.fixture
async def client(own_lab: Lab) -> AsyncIterator[Client]:
    async with client_of(own_lab) as made:
        yield made
        await made.hook(do="clear")


class Watched:
    """A pod with a capture and a sampler, and all that they published."""

    def __init__(self, session: Stream, segments: PcapFiles, key: str) -> None:
        self.events: list[ev.Event] = []
        self.segments = segments
        self.key = key
        self._log = session.subscribe(100_000)

    async def follow(self) -> None:
        async for batch in self._log.batches():
            self.events += batch

    async def until(self, wanted: Callable[[], bool], seconds: float = 25.0) -> None:
        deadline = time.monotonic() + seconds
        while not wanted():
            if time.monotonic() > deadline:
                said = [e for e in self.events if isinstance(e, (ev.CaptureState, ev.TargetState))]
                pytest.fail(
                    "\n".join(f"{type(e).__name__} {e.phase} {e.message}" for e in said[-12:])
                )
            await asyncio.sleep(0.05)

    def captures(self, phase: str) -> list[ev.CaptureState]:
        return [e for e in self.events if isinstance(e, ev.CaptureState) and e.phase == phase]

    def states(self, phase: str) -> list[ev.TargetState]:
        return [
            e
            for e in self.events
            if isinstance(e, ev.TargetState) and e.phase == phase and e.target == self.key
        ]

    def since(self, kind: type, mark: int) -> int:
        return sum(isinstance(e, kind) for e in self.events[mark:])


@asynccontextmanager
async def watched(
    lab: Lab, client: Client, folder: Path, app: str = "backend", quiet: str = ""
) -> AsyncIterator[Watched]:
    """`quiet` is a filter for a pod that has no packets of its own to wait for."""
    cluster, session = await connect(str(lab.kubeconfig)), Stream()
    found = await client.pod("shop", app)
    target = Target(
        "pod",
        found["metadata"]["name"],
        "shop",
        found["spec"]["nodeName"],
        found["metadata"]["uid"],
    )
    attacher, segments = Attacher(cluster, session), PcapFiles(folder, "c")
    attachment = await attacher.attach_pod(target, lambda _: None)
    seen = Watched(session, segments, target.key)
    runner = attachment.runner(cluster)

    async def alive() -> None:
        await attacher.check_alive(attachment)

    capture = Capture(1, target, runner, session, quiet, "any", segments, alive)
    tasks = [
        asyncio.create_task(w)
        for w in (seen.follow(), TargetSampler(target, runner, session, alive).run(), capture.run())
    ]
    try:

        def flowing() -> bool:
            if quiet:
                return bool(seen.captures("running"))
            return seen.since(ev.PacketBatch, 0) > 2

        await seen.until(lambda: flowing() and seen.since(ev.CounterSample, 0) > 0)
        yield seen
    finally:
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
        await cluster.close()
    for path in segments.paths:
        subprocess.run(["tcpdump", "-nr", str(path)], capture_output=True, check=True)


async def resumed(seen: Watched, mark: int) -> None:
    """Packets and samples flow again after a gap that both reported once."""
    await seen.until(lambda: bool(seen.captures("gap")) and bool(seen.states("gap")))
    gap = max(
        seen.events.index(seen.captures("gap")[-1]), seen.events.index(seen.states("gap")[-1]), mark
    )
    await seen.until(
        lambda: seen.since(ev.PacketBatch, gap) > 2 and seen.since(ev.CounterSample, gap) > 1
    )


async def test_a_reset_stream_is_resumed_with_one_gap_and_a_new_file(
    own_lab: Lab, client: Client, tmp_path: Path
) -> None:
    async with watched(own_lab, client, tmp_path) as seen:
        mark = len(seen.events)
        assert (await client.hook(do="cut", match="/exec$"))["streams"] == 2
        await resumed(seen, mark)
        assert len(seen.captures("gap")) == len(seen.states("gap")) == 1, "one message a fault"
        assert "Trying again in" in seen.captures("gap")[0].message
    assert len(seen.segments.paths) == 2


async def test_a_capture_goes_on_after_the_most_packets_of_one_tcpdump(
    own_lab: Lab, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collectors.capture.capture.MAX_PACKETS", 25)
    async with watched(own_lab, client, tmp_path) as seen:
        batches = [e for e in seen.events if isinstance(e, ev.PacketBatch)]
        assert batches
        await seen.until(lambda: len(seen.segments.paths) > 2)
        mark = len(seen.events)
        await seen.until(lambda: seen.since(ev.PacketBatch, mark) > 2)
        assert {state.phase for state in seen.events if isinstance(state, ev.CaptureState)} <= {
            "starting",
            "running",
        }
    assert len(seen.segments.paths) > 2


async def test_a_server_that_restarts(own_lab: Lab, client: Client, tmp_path: Path) -> None:
    async with watched(own_lab, client, tmp_path) as seen:
        mark = len(seen.events)
        await client.hook(do="restart", seconds=2)
        await resumed(seen, mark)
    assert len(seen.segments.paths) == 2


async def test_a_peer_that_vanished_is_noticed_within_two_heartbeats(
    own_lab: Lab, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection stays, and nothing comes any more, not even an answer to a ping."""
    monkeypatch.setattr(exec_stream, "HEARTBEAT_S", 2.0)
    async with watched(own_lab, client, tmp_path) as seen:
        mark, began = len(seen.events), time.monotonic()
        lab_process = int(
            subprocess.run(
                ["pgrep", "-f", "--", f"-m lab .*{own_lab.directory.name}"],
                capture_output=True,
                text=True,
                check=True,
            ).stdout.split()[-1]
        )
        subprocess.run(["kill", "-STOP", str(lab_process)], check=True)
        try:
            await seen.until(lambda: bool(seen.captures("gap")) and bool(seen.states("gap")), 10)
            assert time.monotonic() - began < 2 * 2.0 + 1.5
        finally:
            subprocess.run(["kill", "-CONT", str(lab_process)], check=True)
        await resumed(seen, mark)


async def test_frames_of_one_byte(own_lab: Lab, client: Client, tmp_path: Path) -> None:
    await client.hook(do="rule", match="/exec$", split=1)
    async with watched(own_lab, client, tmp_path) as seen:
        assert seen.captures("gap") == []


async def test_a_pod_that_goes_ends_the_capture_and_names_why(
    own_lab: Lab, client: Client, tmp_path: Path
) -> None:
    async with watched(own_lab, client, tmp_path, "search") as seen:
        name = seen.key.rpartition("/")[2]
        status, _ = await client.call(
            "DELETE", f"/api/v1/namespaces/shop/pods/{name}?gracePeriodSeconds=0"
        )
        assert status == 200
        await seen.until(lambda: bool(seen.captures("failed")) and bool(seen.states("gone")))
        assert "is gone. What was gathered stays" in seen.captures("failed")[0].message
    assert len(seen.segments.paths) == 1


async def test_a_pod_that_comes_back_under_its_name_is_another(
    own_lab: Lab, client: Client, tmp_path: Path
) -> None:
    """Deleted and created again while streams run: what runs for the old one ends, and the new one is left alone."""
    path = "/api/v1/namespaces/shop/pods"
    body = {
        "metadata": {"name": "twin", "labels": {"app": "twin"}},
        "spec": {
            "nodeName": "node1",
            "containers": [{"name": "c", "image": "busybox", "command": ["sleep", "300"]}],
        },
    }
    assert (await client.call("POST", path, body))[0] == 201
    for _ in range(100):
        if (await client.pod_named("shop", "twin"))["status"].get("phase") == "Running":
            break
        await asyncio.sleep(0.1)
    async with watched(own_lab, client, tmp_path, "twin", "icmp or arp or ip6") as seen:
        assert (await client.call("DELETE", f"{path}/twin?gracePeriodSeconds=0"))[0] == 200
        while (await client.call("POST", path, body))[0] != 201:
            await asyncio.sleep(0.05)
        await seen.until(lambda: bool(seen.captures("failed")) and bool(seen.states("gone")))
        said = {seen.captures("failed")[0].message, seen.states("gone")[0].message}
        assert all(
            "is gone. What was" in text or "replaced by another of the same name" in text
            for text in said
        ), said
    new = await client.pod_named("shop", "twin")
    assert not new["spec"].get("ephemeralContainers"), "nothing was added to the new one"
    await client.call("DELETE", f"{path}/twin?gracePeriodSeconds=0")


async def test_a_node_that_goes_removes_its_pod_and_says_so(own_lab: Lab, client: Client) -> None:
    """The node's objects vanish, as when a machine is removed from a cluster; its kubelet is gone."""
    cluster, session = await connect(str(own_lab.kubeconfig)), Stream()
    attacher = Attacher(cluster, session)
    target = Target("node", "node2", node="node2")
    attachment = await attacher.attach_node(target, lambda _: None)
    log = session.subscribe(10_000)

    async def alive() -> None:
        await attacher.check_alive(attachment)

    task = asyncio.create_task(
        TargetSampler(target, attachment.runner(cluster), session, alive).run()
    )
    await asyncio.sleep(2.0)
    where = {"metadata": {"name": attachment.pod, "namespace": attachment.namespace}}
    await client.hook(do="rule", match=f"{attachment.pod}/exec$", code=502)
    await client.hook(do="remove", resource="pods", object=where)
    await client.hook(do="cut", match=f"{attachment.pod}/exec$")
    async with asyncio.timeout(15):
        await task
    said = [e for e in log.pending() if isinstance(e, ev.TargetState)]
    assert said[-1].phase == "gone" and f"{attachment.pod} is gone" in said[-1].message
    assert await attacher.leave(attachment) == "", (
        "nothing is pending for a pod that went with its node"
    )
    await cluster.close()
