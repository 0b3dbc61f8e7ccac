"""Round trips against a budget, and connections that cross zones.

Facts: docs/reference/failures.md #26.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from statistics import median

from collectors.findings import Evidence, Finding
from diagnosis.rule import CONVENTION
from diagnosis.snapshot import Snapshot

MOST = 0.8  # of connections to a workload that has pods in the client's zone, too
LEAST = 20


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    zones = {node.name: node.zone for node in snapshot.nodes}
    for target in snapshot.of_kind("pod"):
        rtts: dict[str, list[float]] = defaultdict(list)
        crossing: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for row in target.sockets:
            peer = snapshot.by_address.get(row.peer)
            if row.state != "ESTAB":
                continue
            name = snapshot.workload(row.peer)
            if row.rtt is not None:
                rtts[name].append(row.rtt)
            if peer is not None and zones.get(peer.node) and zones.get(target.node):
                counts = crossing[name]
                counts[0] += row.alike
                counts[1] += row.alike * (zones[peer.node] != zones[target.node])
        for name, found in rtts.items():
            if snapshot.budget_ms is not None and median(found) > snapshot.budget_ms:
                yield Finding(
                    rule="latency",
                    severity="warning",
                    subject=replace(target.subject, detail=f"→ {name}"),
                    title=f"Round trips take {median(found):.1f} ms; the budget is {snapshot.budget_ms:g} ms",
                    evidence=(
                        target.fact(
                            f"median RTT of {len(found)} connections {median(found):.1f} ms", "ss"
                        ),
                    ),
                    threshold=f"the budget that was set: {snapshot.budget_ms:g} ms",
                    confidence="certain",
                    disproof="minrtt is as small as ever: queues",
                    fix="Nearer replicas (trafficDistribution: PreferSameZone), or a path that is not longer than it must be",
                    fix_kind="text",
                    verify="the median is within the budget",
                    screen="sockets",
                )
        for name, (all_of, over) in crossing.items():
            near = any(
                snapshot.workload(ip) == name and zones.get(pod.node) == zones.get(target.node)
                for ip, pod in snapshot.by_address.items()
            )
            if all_of >= LEAST and over >= MOST * all_of and near:
                yield Finding(
                    rule="cross_zone",
                    severity="info",
                    subject=replace(target.subject, detail=f"→ {name}"),
                    title=f"{100 * over / all_of:.0f} % of its connections leave the zone though there are replicas in it",
                    evidence=(
                        Evidence(
                            f"{over} of {all_of} connections cross zones",
                            "ss, node labels",
                            snapshot.at,
                        ),
                    ),
                    threshold=f"{100 * MOST:.0f} % is {CONVENTION}",
                    confidence="likely",
                    disproof="",
                    fix="spec:\n  trafficDistribution: PreferSameZone\n",
                    fix_kind="yaml",
                    verify="the share falls",
                    screen="sockets",
                )
