"""The fault table: one console in a real terminal, attached to a pod of the lab, and each trouble in turn.

After each: the figures flow again, a fault was reported once, keys answer. In the end: what was captured and recorded can
be read, the terminal is whole, and nothing is left in the cluster.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from collectors.backoff import STEADY_S
from lab.supervisor import Lab, LabUnavailable
from tests.support.followed_recording import FollowedRecording
from tests.support.key_latency import KeyLatency
from tests.support.lab_client import Client, client_of
from tests.support.terminal import PROGRAM, Tmux

pytestmark = pytest.mark.skipif(
    not shutil.which("tmux"), reason="NO TMUX: install tmux to drive the real console"
)


@dataclass
class World:
    lab: Lab
    tmux: Tmux
    state: Path
    path: Path
    recording: FollowedRecording
    keys: KeyLatency

    def packets(self) -> tuple[str, str]:
        """Their count, which is rounded where there is little room, and the time of the last."""
        count = self.tmux.until(r"1 packets (\d\S*)")[1]
        times = re.findall(r"^ *(\d\d:\d\d:\d\d\.\d{6}) ", self.tmux.screen(), re.MULTILINE)
        return count, times[-1] if times else ""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    lab, state = Lab(), tmp_path_factory.mktemp("state")
    try:
        lab.start()
    except LabUnavailable as reason:
        pytest.skip(f"NO LAB HERE: {reason}")
    tmux = Tmux()
    recording = state / "incident.jsonl"
    tmux.line(f"export XDG_STATE_HOME={state} KUBECONFIG={lab.kubeconfig}; clear")
    tmux.line(f"{PROGRAM} --record {recording} --no-record --yes -n shop; echo EXIT=$?")
    tmux.until(r"8 pods, namespace shop", 20)
    tmux.type("/backend")
    tmux.until(r"2 pods, namespace shop, matching")
    tmux.keys("Enter")
    tmux.keys("Enter")
    tmux.until(r"pod backend.*● live", 20)
    tmux.until(r"svc/|frontend|IP ", 10)
    yield World(lab, tmux, state, recording, FollowedRecording(recording), KeyLatency(tmux))
    tmux.close()
    lab.stop()


Trouble = Callable[[World, Client], Awaitable[None]]


STREAMS = 3  # a sampler and a capture in the pod, a sampler on its node


async def all_open(client: Client) -> None:
    """The row before has healed: every stream is open again (a node's may wait a little longer)."""
    deadline = time.monotonic() + 25
    while (await client.hook(do="thaw", match="/exec$"))["streams"] < STREAMS:
        assert time.monotonic() < deadline, "not all streams came back"
        await asyncio.sleep(0.1)
    await asyncio.sleep(
        STEADY_S + 0.2
    )  # what breaks now is a new fault, met with the shortest wait


async def cut(world: World, client: Client) -> None:
    assert (await client.hook(do="cut", match="/exec$"))["streams"] >= STREAMS


def answered(code: int, **headers: str) -> Trouble:
    async def inject(world: World, client: Client) -> None:
        await client.hook(do="rule", match="/exec$", code=code, times=4, headers=headers)
        await cut(world, client)

    return inject


def ended(status: str | None) -> Trouble:
    async def inject(world: World, client: Client) -> None:
        assert (await client.hook(do="end", match="/exec$", status=status))["streams"] >= STREAMS

    return inject


def split(size: int) -> Trouble:
    async def inject(world: World, client: Client) -> None:
        await client.hook(do="rule", match="/exec$", split=size)
        await cut(world, client)

    return inject


async def hang(world: World, client: Client) -> None:
    await client.hook(do="rule", match="/exec$", delay_s=3, times=3)
    await cut(world, client)


async def restart(world: World, client: Client) -> None:
    await client.hook(do="restart", seconds=2)


async def expired(world: World, client: Client) -> None:
    await client.hook(do="expire")
    await cut(world, client)


ROWS: dict[str, Trouble] = {
    "the streams are reset": cut,
    "the server restarts": restart,
    "the server hangs": hang,
    "watches expire": expired,
    "it redirects": answered(302, Location="/nowhere"),
    **{
        f"it answers {code}": answered(code)
        for code in (401, 403, 404, 409, 410, 422, 500, 502, 503, 504)
    },
    "it answers 429 and when to come again": answered(429, **{"Retry-After": "2"}),
    "the Status frame is garbage": ended("\x00{not JSON"),
    "the Status frame is another's JSON": ended('["list"]'),
    "the Status frame is missing": ended(None),
    "frames hold a byte each": split(1),
    "frames are cut at odd places": split(7),
}


def flows_again(world: World) -> None:
    world.tmux.until(r"● live", 30)
    before, deadline = world.packets(), time.monotonic() + 20
    while world.packets() == before:
        assert time.monotonic() < deadline, world.tmux.screen()
        time.sleep(0.1)


@pytest.mark.parametrize("name", ROWS)
async def test_streams_survive(world: World, name: str) -> None:
    before = world.recording.store().log_count
    async with client_of(world.lab) as client:
        await all_open(client)
        try:
            await ROWS[name](world, client)
            deadline = time.monotonic() + 15
            while not world.recording.gaps_since(before):
                assert time.monotonic() < deadline, world.tmux.screen()
                await asyncio.sleep(0.2)
            world.keys.check("while streams are broken")
            flows_again(world)
        finally:  # by another connection: the server may have been away
            async with client_of(world.lab) as another:
                await another.hook(do="clear")
    lines = world.recording.gaps_since(before)
    by_target: dict[str, int] = {}
    for line in lines:
        by_target[line.target] = by_target.get(line.target, 0) + 1
        assert "Traceback" not in line.text and "Error(" not in line.text
    # a pod has a sampler and a capture, its node a sampler, the lists one watch a kind
    limits = {"pod": 2, "node": 1, "cluster": 1}
    assert all(n <= limits[t.partition("/")[0]] for t, n in by_target.items()), [
        f"{x.target}: {x.text}" for x in lines
    ]


@pytest.mark.parametrize(
    "size", [(1, 1), (20, 4), (500, 200), (120, 40)], ids=lambda s: f"{s[0]}x{s[1]}"
)
def test_resized_while_it_runs(world: World, size: tuple[int, int]) -> None:
    world.tmux._run("resize-window", "-t", "s", "-x", str(size[0]), "-y", str(size[1]))
    time.sleep(1.0)
    assert world.tmux.program() is not None, world.tmux.screen()
    if size == (120, 40):
        flows_again(world)
        world.tmux.keys("?")
        world.tmux.until("Everywhere", 3)
        world.tmux.keys("?")
        world.tmux.gone("Everywhere")


def test_a_storm_of_sizes(world: World) -> None:
    for step in range(40):
        world.tmux._run(
            "resize-window",
            "-t",
            "s",
            "-x",
            str(1 + step * 37 % 240),
            "-y",
            str(1 + step * 13 % 70),
        )
    world.tmux._run("resize-window", "-t", "s", "-x", "120", "-y", "40")
    flows_again(world)


def test_detached_and_attached_again(world: World) -> None:
    """A client of another size comes and goes: the console is drawn again and never stops."""
    for _ in range(2):
        command = f"TERM=xterm-256color tmux -L {world.tmux.socket} attach -t s"
        with subprocess.Popen(
            ["script", "-qec", command, "/dev/null"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as client:
            time.sleep(1.0)
            world.tmux._run("detach-client", "-a", "-s", "s")
            world.tmux._run("detach-client", "-s", "s")
            client.wait(10)
        flows_again(world)
    world.tmux._run("resize-window", "-t", "s", "-x", "120", "-y", "40")


def processes(world: World, word: str) -> dict[int, str]:
    """Processes of the lab with a word in their command line, and their network namespaces."""
    found = {}
    for process in psutil.Process(world.lab._process.pid).children(recursive=True):
        try:
            if any(word in part for part in process.cmdline()):
                found[process.pid] = os.readlink(f"/proc/{process.pid}/ns/net")
        except (OSError, psutil.Error):
            continue
    return found


async def test_a_container_that_restarts_is_no_break(world: World) -> None:
    """The pod's own program is killed and started again; our debug container beside it goes on."""
    before = world.recording.store().log_count
    ours = set(processes(world, "podwire-sampler").values())
    (program,) = [
        pid for pid, namespace in processes(world, "workload.py").items() if namespace in ours
    ]
    async with client_of(world.lab) as client:

        async def restarts() -> int:
            pods = (await client.get("/api/v1/namespaces/shop/pods?labelSelector=app%3Dbackend"))[
                "items"
            ]
            return sum(p["status"]["containerStatuses"][0]["restartCount"] for p in pods)

        had = await restarts()
        os.kill(program, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while await restarts() == had:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)
    flows_again(world)
    assert world.recording.gaps_since(before) == []


def test_in_the_end_all_is_whole(world: World) -> None:
    """Leaves: files readable, terminal restored, nothing of ours in the cluster."""
    world.tmux.keys("q")
    world.tmux.until(r"Quit\?")
    world.tmux.keys("y")
    world.tmux.until(r"EXIT=0", 20)
    assert world.tmux.flag("alternate_on") == "0" and world.tmux.flag("mouse_any_flag") == "0"
    captures = sorted((world.state / "podwire" / "captures").glob("*/*.pcap"))
    assert len(captures) >= len(ROWS) - 2, "a file a connection"
    for path in captures:
        done = subprocess.run(
            ["tcpdump", "-nr", str(path)], capture_output=True, text=True, check=True
        )
        assert "truncated" not in done.stderr
    assert (
        world.recording.store().log_count > 0
        and oct(os.stat(world.path).st_mode & 0o777) == "0o600"
    )

    async def left() -> list[str]:
        query = "?labelSelector=app.kubernetes.io%2Fmanaged-by%3Dpodwire"
        async with client_of(world.lab) as client:
            return [
                item["metadata"]["name"]
                for item in (await client.get(f"/api/v1/pods{query}"))["items"]
            ]

    assert asyncio.run(left()) == []
