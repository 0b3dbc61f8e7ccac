"""The inventory at scale, against a lab of 10,000 pods, 1,000 Services and 500 nodes that change
50 times a second: python -m benchmarks.inventory"""

from __future__ import annotations

import asyncio
import os
import time

import psutil

from cli.main import collect_garbage_rarely
from collectors.cluster.api.connection import connect
from collectors.stream import Stream
from lab.supervisor import Lab
from session.controller import Controller
from session.store import Store
from tui.screens.cluster_columns import is_unhealthy

SCALE = {"pods": 10_000, "services": 1_000, "nodes": 500, "churn": 50}
FILTERS = ("app-1", "app-123 load-03", "!app-1 synth-004", "10.0")


async def measure(kubeconfig: str) -> None:
    store, session, process = Store(), Stream(), psutil.Process()
    control = Controller(store, session)
    control.start()
    cluster = await connect(kubeconfig)
    held: list[float] = []

    async def feel() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            held.append(time.perf_counter() - began - 0.001)

    feeling = asyncio.create_task(feel())
    memory, began = process.memory_info().rss, time.perf_counter()
    control.open(cluster, is_lab=False)
    while len(store.listing("pods")) < SCALE["pods"]:
        await asyncio.sleep(0.005)
    count, seconds = len(store.listing("pods")), time.perf_counter() - began
    print(f"usable list of {count:,} pods after {seconds:.2f} s (bar 2)")
    print(f"the loop was held for {max(held) * 1000:.0f} ms at most meanwhile")
    held.clear()
    await asyncio.sleep(5)
    print(f"with 50 changes a second: held for {max(held) * 1000:.0f} ms at most in 5 s")
    listing = store.listing("pods")
    for words in FILTERS:
        first = time.perf_counter()
        found = listing.rows("", words)
        bad = sum(map(is_unhealthy, found))
        seconds = time.perf_counter() - first
        print(
            f"filter {words!r}: {len(found):,} rows, {bad} unhealthy, "
            f"{seconds * 1000:.1f} ms (bar 50)"
        )
    print(f"memory grown by {(process.memory_info().rss - memory) / 2**20:.0f} MiB (bar 150)")
    feeling.cancel()
    await control.close()


def main() -> None:
    collect_garbage_rarely()
    with Lab(scale=SCALE) as lab:
        child = os.fork()  # the lab's own memory is not the console's
        if child == 0:
            asyncio.run(measure(str(lab.kubeconfig)))
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
