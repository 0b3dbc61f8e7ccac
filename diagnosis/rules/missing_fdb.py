"""A VXLAN device of a node has no forwarding entry for another node.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from collectors.events import LinkRow, NodeRow
from collectors.findings import Evidence, Finding
from diagnosis.overlays import overlays
from diagnosis.rule import Rule
from diagnosis.rules._node_pairs import node_pairs, restart_cni_agent
from diagnosis.snapshot import Snapshot, TargetView

RULE = Rule(
    id="missing_fdb",
    title="A VXLAN device has no forwarding entry for another node: its pods cannot be reached",
    scope="node",
    stage="cause",
    inputs=("links", "nodes"),
    symptoms=("connect", "timeout", "name", "nodes"),
    screen="node",
    criterion="one forwarding entry per node, on a VXLAN device that routes use and that does "
    "not learn by multicast",
    false_friends=("the device learns addresses by multicast", "the CNI uses another path"),
    severity="critical",
    confidence="certain",
    fix_kind="shell",
    verify="{source} | grep {address}",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for host, other in node_pairs(snapshot):
        for link in _vxlans(host):
            known = _destinations(host, link.name)
            if other.address not in known:
                yield _finding(host, other, link, len(known))


def _vxlans(host: TargetView) -> Iterator[LinkRow]:
    return (link for link in overlays(host) if _needs_entries(host, link))


def _needs_entries(host: TargetView, link: LinkRow) -> bool:
    learns = "group" in link.detail or "remote" in link.detail
    used = any(row.device == link.name for row in host.routes)
    return link.kind == "vxlan" and used and not learns


def _destinations(host: TargetView, device: str) -> set[str]:
    rows = host.network.forwarding if host.network else ()
    return {address for _, address, name in rows if name == device}


def _finding(host: TargetView, other: NodeRow, link: LinkRow, known: int) -> Finding:
    source = f"bridge fdb show dev {link.name}"
    return RULE.finding(
        subject=replace(host.subject, detail=f"→ {other.name}"),
        title=f"{link.name} of {host.name} has no forwarding entry for {other.name}: its pods "
        "cannot be reached",
        evidence=_evidence(host, other, known, source),
        fix=restart_cni_agent(host.node),
        source=source,
        address=other.address,
    )


def _evidence(host: TargetView, other: NodeRow, known: int, source: str) -> Iterator[Evidence]:
    yield host.fact(f"no FDB entry with dst {other.address}", source)
    yield host.fact(f"{known} entries for other nodes", source)
