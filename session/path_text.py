"""May one row reach another: the path as text, beside what was seen of such connections."""

from __future__ import annotations

import time

from collectors.events import PodRow, ServiceRow
from diagnosis.reachability.observed_connections import proof
from diagnosis.reachability.path import ClusterState, PathVerdict
from session.snapshot_builder import snapshot
from session.store import Store

KINDS = ("pods", "namespaces", "services", "endpointslices", "networkpolicies", "nodes")
MARKS = {"ok": "✓", "stops": "✗", "note": "·"}


def cluster_of(store: Store) -> ClusterState:
    return ClusterState.of(*(store.rows(kind) for kind in KINDS))  # type: ignore[arg-type]


def ports_of(row: PodRow | ServiceRow) -> list[tuple[str, str]]:
    """(port, protocol) of what a pod's containers declare or a Service has."""
    if isinstance(row, ServiceRow):
        return [(str(p.number), p.protocol) for p in row.targets]
    return [(str(p.number), p.protocol) for p in row.ports] or [("80", "TCP")]


def path_report(store: Store, source: PodRow, target: PodRow | ServiceRow) -> tuple[str, str]:
    """(title, text) of the path on every port of the destination."""
    cluster, moment, lines = cluster_of(store), snapshot(store, time.time()), []
    for port, protocol in ports_of(target):
        answer = cluster.ask(source, target, port, protocol)
        lines += [f"port {port}/{protocol}: {word(answer)}"]
        lines += [f"  {MARKS[step.result]} {step.what}: {step.reason}" for step in answer.path]
        lines += [f"  seen {text}" for text in proof(moment, source, target, port, protocol)] + [""]
    return f"{source.namespace}/{source.name} → {target.namespace}/{target.name}", "\n".join(lines)


def word(answer: PathVerdict) -> str:
    return (
        "allowed"
        if answer.allowed
        else "allowed to some endpoints only"
        if answer.partly
        else "not allowed"
    )
