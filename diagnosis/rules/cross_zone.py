"""Connections leave the zone though there are replicas in it.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from collectors.events import ServiceRow
from collectors.findings import Evidence, Finding
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
    criterion="connections that the pod opens to a workload behind a Service, of which another "
    "replica is ready in its zone",
    false_friends=(
        "the client needs that one replica, as the primary of a database",
        "the connections are older than the replica in this zone",
        "the Service keeps to zones already, or a client at its endpoint (sessionAffinity)",
    ),
    severity="info",
    fix="""spec:
  trafficDistribution: PreferSameZone
""",
    fix_kind="yaml",
    verify="the share falls",
)


@dataclass(slots=True)
class ZoneCount:
    """Connections to a workload: in all, and to another zone."""

    total: int = 0
    crossing: int = 0

    @property
    def mostly_crosses(self) -> bool:
        return self.total >= LEAST.value and 100 * self.crossing >= MOST.value * self.total


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    zones = {node.name: node.zone for node in snapshot.nodes}
    zone_of = {ip: zones.get(pod.node, "") for ip, pod in snapshot.by_address.items()}
    for target in snapshot.of_kind("pod"):
        if own := zones.get(target.node, ""):
            near = _chosen_in(snapshot, own, zone_of)
            for name, count in _counts(snapshot, target, own, zone_of).items():
                if count.mostly_crosses and name in near:
                    yield _finding(snapshot, target, name, count)


def _chosen_in(snapshot: Snapshot, zone: str, zone_of: dict[str, str]) -> set[str]:
    """The workloads of which a Service could choose a replica in that zone: one of its ready
    endpoints. Behind a headless Service, as of a database's, the client means one replica."""
    chosen = (service for service in snapshot.services if _chooses_freely(snapshot, service))
    ready = (ip for service in chosen for ip in snapshot.endpoints(service)[0])
    return {snapshot.workload(ip) for ip in ready if zone_of.get(ip) == zone}


def _chooses_freely(snapshot: Snapshot, service: ServiceRow) -> bool:
    """Not one that keeps to the zone already, by its field or by hints (connections from before
    stay where they are), nor one that keeps a client at its endpoint."""
    hinted = (end for row in snapshot.slices_behind(service) for end in row.endpoints if end.hints)
    is_bound = service.headless or service.distribution or service.affinity
    return not is_bound and next(hinted, None) is None


def _counts(
    snapshot: Snapshot, target: TargetView, own: str, zone_of: dict[str, str]
) -> dict[str, ZoneCount]:
    """By workload, of peers whose zone is known; not of clients, who choose themselves, and not of
    its own workload, whose replicas talk to each other."""
    counts: dict[str, ZoneCount] = defaultdict(ZoneCount)
    listening = {row.local_port for row in target.sockets if row.state == "LISTEN"}
    same = snapshot.workload(target.pod.ip) if target.pod else ""
    for row in target.sockets:
        zone = zone_of.get(row.peer, "")
        is_opened_here = row.state == "ESTAB" and row.local_port not in listening
        if is_opened_here and zone and snapshot.workload(row.peer) != same:
            count = counts[snapshot.workload(row.peer)]
            count.total += row.alike
            count.crossing += row.alike * (zone != own)
    return counts


def _finding(snapshot: Snapshot, target: TargetView, name: str, count: ZoneCount) -> Finding:
    share = 100 * count.crossing / count.total
    return RULE.finding(
        subject=replace(target.subject, detail=f"→ {name}"),
        title=f"{share:.0f} % of its connections leave the zone though there are replicas in it",
        evidence=_evidence(snapshot, count),
    )


def _evidence(snapshot: Snapshot, count: ZoneCount) -> Iterator[Evidence]:
    text = f"{count.crossing} of {count.total} connections cross zones"
    yield snapshot.fact(text, "ss, node labels")
