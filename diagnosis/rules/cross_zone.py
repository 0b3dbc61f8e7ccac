"""Connections leave the zone though there are replicas in it.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from collectors.findings import Finding
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.snapshot import Snapshot, TargetView

MOST = Threshold("from", 80, "% of the connections to a workload", CONVENTION)
LEAST = Threshold("at least", 20, "connections", CONVENTION)
RULE = Rule(
    id="cross_zone",
    title="Connections leave the zone though there are replicas in it",
    scope="pod",
    stage="advice",
    inputs=("sockets", "pods", "nodes"),
    symptoms=("slow",),
    screen="sockets",
    thresholds=(MOST, LEAST),
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    zones = {node.name: node.zone for node in snapshot.nodes}
    for target in snapshot.of_kind("pod"):
        own = zones.get(target.node, "")
        if own:
            yield from _of_target(snapshot, target, own, zones)


def _of_target(
    snapshot: Snapshot, target: TargetView, own: str, zones: dict[str, str]
) -> Iterator[Finding]:
    all_of, crossing = Counter[str](), Counter[str]()
    for row in target.sockets:
        peer = snapshot.by_address.get(row.peer)
        zone = zones.get(peer.node, "") if peer else ""
        if row.state == "ESTAB" and zone:
            name = snapshot.workload(row.peer)
            all_of[name] += row.alike
            crossing[name] += row.alike * (zone != own)
    near = {
        snapshot.workload(address)
        for address, pod in snapshot.by_address.items()
        if zones.get(pod.node) == own
    }
    for name, total in all_of.items():
        enough = total >= LEAST.value and 100 * crossing[name] >= MOST.value * total
        if enough and name in near:
            yield _finding(snapshot, target, name, (crossing[name], total))


def _finding(snapshot: Snapshot, target: TargetView, name: str, counts: tuple[int, int]) -> Finding:
    crossing, total = counts
    text = f"{crossing} of {total} connections cross zones"
    return RULE.finding(
        subject=replace(target.subject, detail=f"→ {name}"),
        severity="info",
        title=f"{100 * crossing / total:.0f} % of its connections leave the zone though there are replicas in it",
        evidence=(snapshot.fact(text, "ss, node labels"),),
        fix="spec:\n  trafficDistribution: PreferSameZone\n",
        fix_kind="yaml",
        verify="the share falls",
    )
