"""Takes a capture in a pod and on its node of the lab under each fault: python -m tests.data.captures.make [FAULT…]

They are kept, so that tests need no lab to hold the decoder and the flow table against tshark on what faults look like.
"""

from __future__ import annotations

import asyncio
import gzip
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from collectors.cluster.api.connection import connect
from collectors.cluster.attach.attacher import Attacher
from collectors.command_runner import Runner, run
from collectors.stream import Stream
from collectors.target import Target
from lab.faults import Fault, all_faults
from lab.supervisor import Lab
from tests.support.lab_client import Client, client_of

SECONDS = 7
PACKETS = {"pod": 260, "node": 400}


async def take(runner: Runner, where: str, fault: str, folder: Path) -> None:
    argv = [
        "timeout",
        str(SECONDS),
        "tcpdump",
        "-Z",
        "root",
        "-i",
        "any",
        "-n",
        "-U",
        "-s",
        "200",
        "-c",
        str(PACKETS[where]),
        "-w",
        "-",
    ]
    done = await run(runner, argv, timeout=SECONDS + 8)
    (folder / f"{fault}-{where}.pcap.gz").write_bytes(gzip.compress(done.out, 9, mtime=0))
    sys.stdout.write(f"{fault}-{where}: {len(done.out)} bytes\n")


async def probing(client: Client, fault: Fault) -> None:
    """The fault's own plain clients, again and again: what they meet is what the captures shall show."""
    while True:
        for probe in fault.probes:
            await client.probe(probe.at, *probe.run)
        await asyncio.sleep(0.2)


async def under(client: Client, fault: Fault, places: Mapping[str, Runner], folder: Path) -> None:
    await client.fault(fault.name, True)
    probes = asyncio.create_task(probing(client, fault))
    try:
        await asyncio.sleep(1.5)
        await asyncio.gather(
            *(take(runner, where, fault.name, folder) for where, runner in places.items())
        )
    finally:
        probes.cancel()
        await asyncio.wait({probes})
        await client.fault(fault.name, False)


def place(fault: Fault) -> tuple[str, str]:
    """The pod (by its app) and node that the fault's first probe is in."""
    match = re.match(r"shop/([a-z-]+)(?:@(node\d))?$", fault.probes[0].at)
    return (match[1], match[2] or "") if match else ("frontend", "node1")


async def main(wanted: list[str]) -> None:
    folder = Path(__file__).parent
    with Lab() as lab:
        cluster = await connect(str(lab.kubeconfig))
        attacher = Attacher(cluster, Stream())
        async with client_of(lab) as client:
            faults = all_faults()
            for name in wanted or list(faults):
                app, node = place(faults[name])
                try:
                    pod = await client.pod("shop", app, node)
                except IndexError:  # its pod comes and goes with the fault
                    pod = await client.pod("shop", "frontend", "node1")
                node = pod["spec"]["nodeName"]
                target = Target(
                    "pod", pod["metadata"]["name"], "shop", node, pod["metadata"]["uid"]
                )
                inside = await attacher.attach_pod(target, lambda _: None)
                beside = await attacher.attach_node(Target("node", node, node=node), lambda _: None)
                places = {"pod": inside.runner(cluster), "node": beside.runner(cluster)}
                try:
                    await under(client, faults[name], places, folder)
                finally:
                    await attacher.leave(beside)
                await asyncio.sleep(1.0)
        await cluster.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
