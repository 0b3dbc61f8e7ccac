"""A VXLAN device of a node has no forwarding entry for another node.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from collectors.events import NodeRow
from collectors.findings import Evidence, Finding
from diagnosis.rule import Rule
from diagnosis.rules._agents import is_of_overlay, restart_cni_agent
from diagnosis.rules._node_pairs import addresses_of, explains_pair as explains
from diagnosis.rules._vteps import VtepPath, leads_to, vtep_paths
from diagnosis.snapshot import Snapshot, TargetView

__all__ = ["RULE", "evaluate", "explains"]
RULE = Rule(
    id="missing_fdb",
    title="A VXLAN device has no forwarding entry for another node: its pods cannot be reached",
    scope="node",
    stage="cause",
    inputs=("links", "nodes"),
    symptoms=("connect", "timeout", "name", "nodes"),
    screen="node",
    criterion="one forwarding entry per node, on a VXLAN device that routes use and that does "
    "not learn by multicast, and per node that is ready",
    false_friends=(
        "the device learns addresses by multicast",
        "the CNI uses another path",
        "the node has no agent of the CNI, as a virtual one",
    ),
    severity="critical",
    confidence="certain",
    fix_kind="shell",
    verify="{source} | grep {address}",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for path in vtep_paths(snapshot):
        known = _destinations(path.host, path.link.name)
        if not path.other.ready or _goes_elsewhere(path):
            continue
        if not is_of_overlay(snapshot, path.host.node, path.other):
            continue
        if not path.remotes and not addresses_of(snapshot, path.other) & known:
            yield _finding(snapshot, path, len(known))


def _goes_elsewhere(path: VtepPath) -> bool:
    """Nodes of one network may be reached without the tunnel (Calico's CrossSubnet)."""
    routes = (row for row in path.host.routes if row.device != path.link.name)
    return not path.gateway and any(leads_to(row.destination, path.other) for row in routes)


def _destinations(host: TargetView, device: str) -> set[str]:
    return {address for _, address, name in host.forwarding if name == device}


def _finding(snapshot: Snapshot, path: VtepPath, known: int) -> Finding:
    host, other, link = path.host, path.other, path.link
    source = f"bridge fdb show dev {link.name}"
    return RULE.finding(
        subject=replace(host.subject, detail=f"→ {other.name}"),
        title=f"{link.name} of {host.name} has no forwarding entry for {other.name}: its pods "
        "cannot be reached",
        evidence=_evidence(host, other, known, source),
        fix=restart_cni_agent(snapshot, host.node),
        source=source,
        address=other.address,
    )


def _evidence(host: TargetView, other: NodeRow, known: int, source: str) -> Iterator[Evidence]:
    yield host.fact(f"no FDB entry with dst {other.address}", source)
    yield host.fact(f"{known} entries for other nodes", source)
