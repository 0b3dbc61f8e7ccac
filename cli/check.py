"""`podwire check`: the rules without a console, for runbooks, CI and cron."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence

from cli import config
from cli.cluster_options import connection_request
from cli.exit_codes import FAILED, LEFT_BEHIND, tell
from collectors.cluster.api.connection import open_cluster
from collectors.errors import ConfigError
from collectors.events import NodeRow, PodRow
from collectors.findings import SEVERITY_ORDER, Finding
from collectors.recording.journal import Journal
from collectors.stream import Stream
from diagnosis import report
from session.controller import Controller
from session.files import journal_path
from session.store import Store

LISTED_S, LIVE_S = 15.0, 40.0
MOST_PODS, MOST_NODES = 12, 12  # that are attached to in one check
KINDS = ("pods", "nodes", "namespaces", "services", "endpointslices", "networkpolicies")


def check(options: argparse.Namespace) -> int:
    """0 where nothing as bad as --fail-on was found, 1 where something was, 5 where something was left behind."""
    return asyncio.run(_check(options))


def may_attach(options: argparse.Namespace) -> bool:
    """An ephemeral container stays in its pod: a person says yes, or --yes does."""
    if options.read_only:
        return False
    if options.yes or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return bool(options.yes)
    tell(
        "this adds a debug container to each pod (it stays in the pod's spec) and a short-lived pod to each node."
    )
    sys.stderr.write("podwire: go on? [y/N] ")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


async def _check(options: argparse.Namespace) -> int:
    settings_of = config.load(options.config)
    cluster = await open_cluster(connection_request(options))
    store, session = Store(), Stream()
    control = Controller(store, session)
    control.diagnosis.budget_ms = options.budget
    control.start()
    settings = settings_of.settings(options, cluster.context)
    control.open(cluster, is_lab=False, settings=settings, journal=Journal(journal_path()))
    notes: list[str] = []
    try:
        await until(
            lambda: all(kind in store.inventory or kind in store.refused for kind in KINDS),
            LISTED_S,
        )
        notes += [f"{kind} could not be listed: {why}" for kind, why in store.refused.items()]
        if may_attach(options):
            rows, passed_over = chosen(options, store)
            notes += [*passed_over, *await attach(control, store, rows)]
        else:
            notes.append(
                "only the cluster's objects were looked at: --yes attaches to pods and nodes as well"
            )
        found = await watched(control, options.seconds)
    finally:
        await control.close()
    write(options.output, found, cluster.context, notes)
    for left in control.left_behind:
        tell(left)
    if control.left_behind:
        return LEFT_BEHIND
    return (
        FAILED
        if any(SEVERITY_ORDER[f.severity] <= SEVERITY_ORDER.get(options.fail_on, -1) for f in found)
        else 0
    )


async def until(ready: Callable[[], bool], seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not ready():
                await asyncio.sleep(0.05)
            return True
    return False


Chosen = list[PodRow | NodeRow]


def chosen(options: argparse.Namespace, store: Store) -> tuple[Chosen, list[str]]:
    """What to attach to: a pod with its node, a node, a namespace's pods (one a workload and node), or every node; and
    of how many others nothing is looked at."""
    pods = [row for row in store.rows("pods") if isinstance(row, PodRow)]
    nodes = {row.name: row for row in store.rows("nodes") if isinstance(row, NodeRow)}
    if not options.target:
        start = store.start
        namespace = "" if options.all_namespaces or start is None else start.namespace
        return _few(_sample(pods, namespace) if namespace else [], list(nodes.values()), pods)
    kind, _, name = options.target.partition("/")
    if kind in ("node", "nodes") and name in nodes:
        return [nodes[name]], []
    if kind in ("ns", "namespace"):
        found = _sample(pods, name)
        return _few(
            found, [nodes[n] for n in dict.fromkeys(p.node for p in found) if n in nodes], pods
        )
    wanted_name = name if kind in ("pod", "pods") else options.target
    matching = [p for p in pods if f"{p.namespace}/{p.name}" == wanted_name]
    if not matching:
        raise ConfigError(
            f"There is no {options.target!r}: name a pod as NAMESPACE/POD, or node/NAME, or ns/NAME."
        )
    return [*matching, *(nodes[p.node] for p in matching if p.node in nodes)], []


def _sample(pods: Sequence[PodRow], namespace: str) -> list[PodRow]:
    first: dict[tuple[str, str], PodRow] = {}
    for pod in pods:
        if pod.namespace == namespace and pod.phase == "Running":
            first.setdefault((pod.workload or pod.name, pod.node), pod)
    return list(first.values())


def _few(
    wanted: list[PodRow], nodes: list[NodeRow], pods: Sequence[PodRow]
) -> tuple[Chosen, list[str]]:
    """Not more than a cluster bears at once: pods of which some container is not ready first, and the nodes of such."""
    bad = Counter(pod.node for pod in pods if _troubled(pod))
    few = sorted(wanted, key=lambda pod: not _troubled(pod))[:MOST_PODS]
    own = {pod.node for pod in few}
    some = sorted(nodes, key=lambda node: (node.name not in own, -bad[node.name], node.name))[
        :MOST_NODES
    ]
    notes = [
        f"{len(looked_at)} of {len(known)} {name} were looked at: name one as {how}"
        for looked_at, known, name, how in (
            (few, wanted, "pods", "NAMESPACE/POD"),
            (some, nodes, "nodes", "node/NAME"),
        )
        if len(looked_at) < len(known)
    ]
    return [*few, *some], notes


def _troubled(pod: PodRow) -> bool:
    return not pod.all_ready and not pod.ended


async def attach(control: Controller, store: Store, rows: Sequence[PodRow | NodeRow]) -> list[str]:
    """Attach to all at once; what could not be is told."""
    keys = []
    for row in rows:
        target = (
            control.targets.watch_pod(row)
            if isinstance(row, PodRow)
            else control.targets.watch_node(row.name)
        )
        keys.append(target.key)
    settled = ("live", "failed", "gone")
    await until(lambda: all(store.target(key).phase in settled for key in keys), LIVE_S)
    for key in keys:
        if key.startswith("node/") and store.target(key).phase == "live":
            control.captures.start(key, "")
            control.targets.count_conntrack(key)
    return [
        f"{key}: {store.target(key).message}" for key in keys if store.target(key).phase != "live"
    ]


async def watched(control: Controller, seconds: float) -> list[Finding]:
    """Let the session's diagnosis look for as long as was asked; what holds at the end."""
    await asyncio.sleep(seconds)
    return await control.diagnosis.look(time.time())


def write(output: str, found: Sequence[Finding], context: str, notes: Sequence[str]) -> None:
    now = time.time()
    made = {
        "text": lambda: report.text(found, notes),
        "json": lambda: report.as_json(found, context, now, notes),
        "markdown": lambda: report.markdown(found, context, now, notes),
    }[output]()
    sys.stdout.write(made)
    sys.stdout.flush()
