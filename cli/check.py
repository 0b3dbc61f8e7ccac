"""`podwire check`: the rules without a console, for runbooks, CI and cron."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import time
from collections.abc import Callable, Sequence

from cli import check_output, config
from cli.check_targets import selection
from cli.cluster_options import connection_request
from cli.exit_codes import FORBIDDEN, LEFT_BEHIND
from cli.messages import print_message
from collectors.cluster.api.connection import Cluster, open_cluster
from collectors.events import NodeRow, PodRow
from collectors.findings import Finding
from collectors.recording.journal import Journal
from collectors.stream import Stream
from diagnosis.reachability.blind_spots import DECIDING, sentences
from session.blind_spots import blind_spots
from session.controller import Controller
from session.files import journal_path
from session.store import Store

LISTED_S, LIVE_S = 15.0, 40.0
KINDS = ("pods", "nodes", "namespaces", "services", "endpointslices", "networkpolicies")
OBJECTS_ONLY = "only the cluster's objects were looked at: --yes attaches to pods and nodes as well"


def check(options: argparse.Namespace) -> int:
    """0 where nothing as bad as --fail-on was found, 1 where something was, 4 where nothing could
    be looked at, 5 where something was left behind."""
    return asyncio.run(_check(options))


def may_attach(options: argparse.Namespace) -> bool:
    """An ephemeral container stays in its pod: a person says yes, or --yes does."""
    if options.read_only:
        return False
    if options.yes or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return bool(options.yes)
    print_message(
        "this adds a debug container to each pod (it stays in the pod's spec) "
        "and a short-lived pod to each node."
    )
    sys.stderr.write("podwire: go on? [y/N] ")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


async def _check(options: argparse.Namespace) -> int:
    settings = config.load(options.config)
    cluster = await open_cluster(connection_request(options))
    control = _opened(options, settings, cluster)
    try:
        notes = await _prepare(options, control)
        findings = await watched(control, options.seconds)
        blind = blind_spots(control.store).spots
    finally:
        await control.close()
    check_output.write(
        options.output,
        findings,
        context=cluster.context,
        at=time.time(),
        notes=notes,
        unseen=[spot.unseen for spot in blind],
    )
    for left in control.left_behind:
        print_message(left)
    if control.left_behind:
        return LEFT_BEHIND
    if {spot.kind for spot in blind if spot.total} >= set(KINDS):
        return FORBIDDEN
    return check_output.exit_code(findings, options.fail_on)


def _opened(options: argparse.Namespace, settings: config.Config, cluster: Cluster) -> Controller:
    control = Controller(Store(), Stream())
    control.diagnosis.budget_ms = options.budget
    control.start()
    control.open(
        cluster,
        is_lab=False,
        settings=settings.settings(options, cluster.context),
        journal=Journal(journal_path()),
    )
    return control


async def _prepare(options: argparse.Namespace, control: Controller) -> list[str]:
    """List the cluster and attach; returns what cannot be looked at."""
    store = control.store
    await until(
        lambda: all(kind in store.inventory or kind in store.refused for kind in KINDS), LISTED_S
    )
    notes = [
        f"{kind} could not be listed: {why}"
        for kind, why in store.refused.items()
        if kind not in DECIDING
    ]
    notes += sentences(blind_spots(store).spots)
    if not may_attach(options):
        return [*notes, OBJECTS_ONLY]
    selected = selection(options, store)
    failed = await attach(control, store, [*selected.pods, *selected.nodes])
    return [*notes, *selected.notes, *failed]


async def until(ready: Callable[[], bool], seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not ready():
                await asyncio.sleep(0.05)
            return True
    return False


async def attach(control: Controller, store: Store, rows: Sequence[PodRow | NodeRow]) -> list[str]:
    """Attach to all at once, capture on the nodes; what cannot be attached to, with the reason."""
    targets = control.targets
    keys = [
        targets.watch_pod(row).key if isinstance(row, PodRow) else targets.watch_node(row.name).key
        for row in rows
    ]
    attached = ("live", "failed", "gone")
    await until(lambda: all(store.target(key).phase in attached for key in keys), LIVE_S)
    live = [key for key in keys if store.target(key).phase == "live"]
    for key in live:
        if key.startswith("node/"):
            control.captures.start(key, "")
            targets.count_conntrack(key)
    return [f"{key}: {store.target(key).message}" for key in keys if key not in live]


async def watched(control: Controller, seconds: float) -> list[Finding]:
    """Let the session's diagnosis look for as long as was asked, from when everything is listed;
    what holds at the end."""
    await control.diagnosis.look(time.time())
    await asyncio.sleep(seconds)
    return await control.diagnosis.look(time.time())
