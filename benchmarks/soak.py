"""A soak: a capture at 5 MB/s for ten minutes, with its stream cut every 30 s. python -m
benchmarks.soak [SECONDS]

Prints memory and descriptors every 30 s, and at the end whether every segment can be read. The
load runs in a pod of the lab, from it to another pod, and ends with it.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from cli.main import collect_garbage_rarely
from collectors import remote_commands
from collectors.cluster.api.connection import connect
from collectors.command_runner import run
from collectors.events import PodRow
from collectors.stream import Stream
from lab.supervisor import Lab
from session.controller import Controller
from session.store import Store
from tests.support.lab_client import client_of

RATE = 5_000_000  # bytes a second, as they come from tcpdump
FRAME = 256 + 16
CUT_EVERY_S = 30
GROWTH_MIB = 20
BLAST = """
import socket, sys, time
to, rate, seconds = (sys.argv[1], 9), float(sys.argv[2]), float(sys.argv[3])
out, body = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), b"x" * 600
begin = time.monotonic(); sent = 0
while (now := time.monotonic() - begin) < seconds:
    while sent < now * rate:
        try: out.sendto(body, to)
        except OSError: pass
        sent += 1
    time.sleep(0.005)
"""


class Watch:
    def __init__(self) -> None:
        self.process = psutil.Process()
        self.base = 0.0

    def line(self, at: float, control: Controller, key: str) -> str:
        memory, data = self.process.memory_info().rss / 2**20, control.store.target(key)
        capture = data.capture
        lost = f"{capture.dropped_kernel} kernel, {capture.dropped_disk} disk" if capture else "-"
        if not self.base and at >= 60:
            self.base = memory
        return (
            f"{at:5.0f} s  {memory:6.1f} MiB  {self.process.num_fds():3} descriptors  "
            f"{data.packets_seen:>11,} packets  dropped {lost}, "
            f"podwire {sum(control.store.drops.values())}  {data.phase}"
        )


async def soak(lab: Lab, seconds: float, state: Path) -> int:
    os.environ["XDG_STATE_HOME"] = str(state)
    store, session = Store(), Stream()
    control = Controller(store, session)
    control.start()
    control.open(await connect(str(lab.kubeconfig)), is_lab=True)
    async with client_of(lab) as client:
        await wait(lambda: len(store.rows("pods")) > 5)
        pods = [
            row for row in store.rows("pods") if isinstance(row, PodRow) and row.namespace == "shop"
        ]
        pod = next(row for row in pods if row.name.startswith("frontend") and row.node == "node1")
        other = next(row for row in pods if row.name.startswith("backend") and row.node == "node1")
        key = control.targets.watch_pod(pod).key
        await wait(lambda: store.target(key).packets_seen > 0)
        runner = control.targets.runner(key, "benchmark")
        assert runner is not None
        argv = remote_commands.owned(
            ["python3", "-c", BLAST, other.ip, str(RATE / FRAME), str(seconds)]
        )
        load = asyncio.create_task(run(runner, argv, timeout=seconds + 30))
        watch, began, cuts = Watch(), time.monotonic(), 0
        while (at := time.monotonic() - began) < seconds:
            print(watch.line(at, control, key), flush=True)
            await asyncio.sleep(min(CUT_EVERY_S, seconds - at))
            await client.hook(do="cut", match=f"{pod.name}/exec$")
            cuts += 1
            load.cancel()  # its stream was cut, too
            load = asyncio.create_task(run(runner, argv, timeout=seconds + 30))
        print(watch.line(at, control, key))
        grown = watch.process.memory_info().rss / 2**20 - watch.base
        load.cancel()
    kept = control.captures.directory
    await control.close()
    assert kept is not None
    segments = sorted(kept.glob("*.pcap"))
    bad = [
        p.name
        for p in segments
        if subprocess.run(["tcpdump", "-nr", p], capture_output=True).returncode
    ]
    size = sum(p.stat().st_size for p in segments)
    print(
        f"{cuts} cuts, {len(segments)} segments of {size / 1e6:,.0f} MB, "
        f"not readable: {bad or 'none'}"
    )
    print(f"grown since the first minute: {grown:.1f} MiB (bar {GROWTH_MIB})")
    return int(bool(bad) or grown > GROWTH_MIB)


async def wait(ready: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not ready():
            await asyncio.sleep(0.1)


def main() -> int:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 600.0
    collect_garbage_rarely()
    with tempfile.TemporaryDirectory() as folder, Lab() as lab:
        return asyncio.run(soak(lab, seconds, Path(folder)))


if __name__ == "__main__":
    raise SystemExit(main())
