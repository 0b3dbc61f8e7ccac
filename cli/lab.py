"""`podwire lab serve`, `podwire lab fault` and `podwire lab --check`: the lab without a console."""

from __future__ import annotations

import argparse
import asyncio
import math
import signal
import threading
from collections.abc import Callable
from functools import partial

from cli.exit_codes import FAILED
from cli.messages import flush_output, print_line, print_message
from collectors.cluster.api.connection import connect
from collectors.errors import ClusterError, ConfigError
from collectors.events import PodRow
from collectors.stream import Stream
from lab.supervisor import Lab, running_labs
from session.controller import Controller
from session.store import Store
from session.target_data import TargetData

SECONDS = 5.0
START_S = 20.0


def say(text: str) -> None:
    print_line(text)
    flush_output()


def serve(options: argparse.Namespace) -> int:
    """Run the lab until a signal; its kubeconfig's path is the only line on standard output."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    scale = {
        "pods": options.pods,
        "services": options.services,
        "nodes": options.nodes,
        "churn": options.churn,
    }
    if (options.pods or options.services) and not options.nodes:
        scale["nodes"] = max(1, options.pods // 20)
    with Lab([*options.fault, *options.serve_faults], scale) as lab:
        say(str(lab.kubeconfig))
        while lab.alive and not ended.wait(0.5):
            pass
        if not lab.alive:
            print_message("the lab ended by itself")
            return FAILED
    return 0


def fault(options: argparse.Namespace) -> int:
    labs = running_labs()
    if not labs:
        raise ConfigError(
            "No lab of yours is running. Start one: podwire lab, or podwire lab serve."
        )
    return asyncio.run(_fault(str(labs[-1]), options.state, options.name))


async def _fault(kubeconfig: str, state: str, name: str | None) -> int:
    cluster = await connect(kubeconfig)
    try:
        if state != "list":
            if not name:
                raise ConfigError("Which fault? `podwire lab fault list` shows them.")
            await cluster.rest.request(
                "POST", "/lab/faults", body={"name": name, "on": state == "on"}
            )
        for row in (await cluster.rest.get("/lab/faults"))["faults"]:
            say(f"{'on ' if row['on'] else 'off'}  {row['name']:<20} {row['what']}")
    finally:
        await cluster.close()
    return 0


def check(options: argparse.Namespace) -> int:
    """Attach to a pod and its node, read 5 s of each stream, print a line a stream."""
    with Lab(options.fault) as lab:
        return asyncio.run(_check(str(lab.kubeconfig)))


async def _wait_for(what: str, ready: Callable[[], object]) -> None:
    try:
        async with asyncio.timeout(START_S):
            while not ready():
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise ClusterError(f"The check failed: {what} did not come within {START_S:g} s.") from None


def _has_started(data: TargetData) -> bool:
    return data.phase in ("live", "failed", "gone")


async def _check(kubeconfig: str) -> int:
    store, session = Store(), Stream()
    control = Controller(store, session)
    control.open(await connect(kubeconfig), is_lab=True)
    control.start()
    try:
        await _wait_for("the list of pods", lambda: store.rows("pods"))
        pods = [
            row
            for row in store.rows("pods")
            if isinstance(row, PodRow) and row.name.startswith("frontend-")
        ]
        pod, node = control.targets.watch_pod(pods[0]), control.targets.watch_node(pods[0].node)
        own, beside = store.target(pod.key), store.target(node.key)
        for key in (pod.key, node.key):
            data = store.target(key)
            await _wait_for(f"{key} live", partial(_has_started, data))
            if data.phase != "live":
                raise ClusterError(f"The check failed at {key}: {data.message}")
        await asyncio.sleep(SECONDS)
        return _report(
            store, pod.key, node.key, own.packets_seen, beside.series("conntrack").current
        )
    finally:
        await control.close()


def _report(store: Store, pod: str, node: str, packets: int, tracked: float | None) -> int:
    own = store.target(pod)
    retransmits = own.series("retransmits").points(0, math.inf)
    sent = own.moved.get("TcpExtTCPOrigDataSent", 0)
    rates = sum(1 for _, value in retransmits if value is not None)
    lines = (
        ("packets", packets, f"{packets} packets at {pod}"),
        ("sockets", len(own.sockets), f"{len(own.sockets)} sockets at {pod}"),
        (
            "conntrack",
            tracked or 0,
            f"{tracked or 0:.0f} entries at {node}, pod's own {_own(store, pod)}",
        ),
        (
            "retransmits",
            rates,
            f"{own.moved.get('TcpRetransSegs', 0)} of {sent} segments retransmitted, "
            f"{rates} samples at {pod}",
        ),
    )
    for name, _, text in lines:
        say(f"{name:<12} {text}")
    silent = [name for name, amount, _ in lines if not amount]
    if silent:
        print_message(f"the check failed: nothing came from {', '.join(silent)}")
    return FAILED if silent else 0


def _own(store: Store, key: str) -> str:
    sample = store.target(key).sample
    return str(sample.values.get("conntrack_count", "unknown")) if sample else "unknown"
