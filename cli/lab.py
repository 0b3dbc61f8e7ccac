"""`podwire lab serve`, `podwire lab fault` and `podwire lab --check`: the lab without a console."""

from __future__ import annotations

import argparse
import asyncio
import math
import signal
import threading
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any, NamedTuple

from cli.exit_codes import FAILED
from cli.messages import flush_output, print_line, print_message
from cli.waiting import until
from collectors.cluster.api.connection import Cluster, connect
from collectors.errors import ClusterError, ConfigError
from collectors.events import PodRow
from collectors.kernel.deltas import Share
from collectors.kernel.derived_figures import RETRANSMIT_SHARE
from collectors.sanitize import sanitize
from collectors.stream import Stream
from lab.faults import all_faults
from lab.supervisor import Lab, running_labs
from session.controller import Controller
from session.store import Store
from session.target_data import TargetData

SECONDS = 5.0
START_S = 20.0


def say(text: str) -> None:
    print_line(text)
    flush_output()


def refuse_unknown(names: Iterable[str]) -> None:
    """ConfigError for a name that is not a fault's."""
    known = all_faults()
    for name in names:
        if name not in known:
            close = get_close_matches(name[:80], known, 3)
            meant = f" Is {' or '.join(close)} meant?" if close else ""
            raise ConfigError(
                f"The lab has no fault named {sanitize(name, 40)!r}.{meant} They are listed in "
                "docs/faults.md, and of a lab that runs by: podwire lab fault list"
            )


def serve(options: argparse.Namespace) -> int:
    """Run the lab until a signal; its kubeconfig's path is the only line on standard output."""
    refuse_unknown((*options.fault, *options.serve_faults))
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    faults = [*options.fault, *options.serve_faults]
    with Lab(faults, _scale(options), noise=options.noise) as lab:
        say(str(lab.kubeconfig))
        while lab.alive and not ended.wait(0.5):
            pass
        if not lab.alive:
            print_message("the lab ended by itself")
            return FAILED
    return 0


def _scale(options: argparse.Namespace) -> dict[str, Any]:
    """Objects to add; pods and Services have nodes to be on."""
    nodes = options.nodes
    if (options.pods or options.services) and not nodes:
        nodes = max(1, options.pods // 20)
    return {
        "pods": options.pods,
        "services": options.services,
        "nodes": nodes,
        "churn": options.churn,
    }


def fault(options: argparse.Namespace) -> int:
    refuse_unknown([options.name] if options.name else [])
    return asyncio.run(_fault(_latest_lab(), options.state, options.name))


def _latest_lab() -> str:
    """Its kubeconfig."""
    labs = running_labs()
    if not labs:
        raise ConfigError(
            "No lab of yours is running. Start one: podwire lab, or podwire lab serve."
        )
    return str(labs[-1])


async def _fault(kubeconfig: str, state: str, name: str | None) -> int:
    cluster = await connect(kubeconfig)
    try:
        if state != "list":
            await _switch(cluster, state == "on", name)
        rows = (await cluster.rest.get("/lab/faults"))["faults"]
        width = max((len(row["name"]) for row in rows), default=0)
        for row in rows:
            say(f"{'on ' if row['on'] else 'off'}  {row['name']:<{width}} {row['what']}")
    finally:
        await cluster.close()
    return 0


async def _switch(cluster: Cluster, on: bool, name: str | None) -> None:
    if not name:
        raise ConfigError("Which fault? `podwire lab fault list` shows them.")
    await cluster.rest.request("POST", "/lab/faults", body={"name": name, "on": on})


def check(options: argparse.Namespace) -> int:
    """Attach to a pod and its node, read 5 s of each stream, print a line a stream."""
    refuse_unknown(options.fault)
    with Lab(options.fault) as lab:
        return asyncio.run(_check(str(lab.kubeconfig)))


async def _wait_for(what: str, ready: Callable[[], object]) -> None:
    if not await until(ready, START_S):
        raise ClusterError(f"The check failed: {what} did not come within {START_S:g} s.")


async def _check(kubeconfig: str) -> int:
    control = Controller(Store(), Stream())
    control.open(await connect(kubeconfig), is_lab=True)
    control.start()
    try:
        return await _read_streams(control, control.store)
    finally:
        await control.close()


async def _read_streams(control: Controller, store: Store) -> int:
    await _wait_for("the list of pods", lambda: store.rows("pods"))
    row = _frontend(store)
    pod, node = control.targets.watch_pod(row), control.targets.watch_node(row.node)
    for key in (pod.key, node.key):
        await _until_live(store.target(key))
    await asyncio.sleep(SECONDS)
    return _report(store, pod.key, node.key)


def _frontend(store: Store) -> PodRow:
    return next(pod for pod in store.pods() if pod.name.startswith("frontend-"))


async def _until_live(data: TargetData) -> None:
    await _wait_for(f"{data.key} live", lambda: data.has_started)
    if data.phase != "live":
        raise ClusterError(f"The check failed at {data.key}: {data.message}")


def _report(store: Store, pod: str, node: str) -> int:
    streams = _streams(store, pod, node)
    for stream in streams:
        say(f"{stream.name:<12} {stream.text}")
    silent = [stream.name for stream in streams if not stream.amount]
    if silent:
        print_message(f"the check failed: nothing came from {', '.join(silent)}")
    return FAILED if silent else 0


class _Streamed(NamedTuple):
    """What came from one stream, and how much of it."""

    name: str
    amount: float
    text: str


def _streams(store: Store, pod: str, node: str) -> tuple[_Streamed, ...]:
    own = store.target(pod)
    return (
        _Streamed("packets", own.packets_seen, f"{own.packets_seen} packets at {pod}"),
        _Streamed("sockets", len(own.sockets), f"{len(own.sockets)} sockets at {pod}"),
        _conntrack(store, pod, node),
        _retransmits(own),
    )


def _retransmits(own: TargetData) -> _Streamed:
    points = own.series("retransmits").points(0, math.inf)
    rates = sum(value is not None for _, value in points)
    share = RETRANSMIT_SHARE.share(own.moved) or Share(0, 0)
    text = f"{share.part:,} of {share.whole:,} data segments retransmitted"
    return _Streamed("retransmits", rates, f"{text}, {rates} samples at {own.key}")


def _conntrack(store: Store, pod: str, node: str) -> _Streamed:
    entries = store.target(node).series("conntrack").current or 0
    text = f"{entries:.0f} entries at {node}, pod's own {_own(store, pod)}"
    return _Streamed("conntrack", entries, text)


def _own(store: Store, key: str) -> str:
    sample = store.target(key).sample
    return str(sample.values.get("conntrack_count", "unknown")) if sample else "unknown"
