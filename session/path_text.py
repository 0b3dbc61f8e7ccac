"""May one row reach another: the path as text, beside what was seen of such connections."""

from __future__ import annotations

import time
from collections.abc import Sequence

from collectors.events import PodRow, ServiceRow
from diagnosis.reachability import path
from diagnosis.reachability.cluster_state import KINDS, ClusterState
from diagnosis.reachability.deliveries import PathStep, PathVerdict
from diagnosis.reachability.observed_connections import proof
from session.blind_spots import EXPECTED, blind_spots
from session.snapshot_builder import snapshot
from session.store import Store

SIGNS = {"ok": "✓", "stops": "✗", "note": "·", "unknown": "?"}


def cluster_of(store: Store, expected: Sequence[str] = EXPECTED) -> ClusterState:
    """`expected` kinds that were not listed are among what could not be read."""
    rows = {kind: store.rows(kind) for kind in KINDS}
    return ClusterState.of(rows, blind_spots(store, expected))


def ports_of(row: PodRow | ServiceRow) -> list[tuple[str, str]]:
    """(port, protocol) of what a pod's containers declare or a Service has."""
    if isinstance(row, ServiceRow):
        return [(str(p.number), p.protocol) for p in row.targets]
    return [(str(p.number), p.protocol) for p in row.ports] or [("80", "TCP")]


def path_report(store: Store, source: PodRow, target: PodRow | ServiceRow) -> tuple[str, str]:
    """(title, text) of the path on every port of the destination."""
    cluster, moment, lines = cluster_of(store), snapshot(store, time.time()), []
    for port, protocol in ports_of(target):
        answer = path.ask(cluster, source, target, port=port, protocol=protocol)
        lines.append(f"port {port}/{protocol}: {word(answer)}")
        lines += [step_line(step) for step in answer.path]
        lines += [f"  seen {text}" for text in proof(moment, source, target, port, protocol)] + [""]
    return f"{source.namespace}/{source.name} → {target.namespace}/{target.name}", "\n".join(lines)


def step_line(step: PathStep) -> str:
    return f"  {SIGNS[step.result]} {step.what}: {step.reason}"


def word(answer: PathVerdict) -> str:
    if answer.verdict == "unknown":
        return "not known, because " + "; ".join(answer.unknown_because)
    if answer.allowed:
        return "allowed"
    if not answer.partly:
        return "not allowed"
    return f"allowed {answer.share or 'to some endpoints only'}"
