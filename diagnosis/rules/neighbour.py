"""A node cannot resolve the link-layer address of another node.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from collectors.events import NeighbourRow, NodeRow
from collectors.findings import Evidence, Finding
from diagnosis.rule import Rule
from diagnosis.rules._node_pairs import between, explains_pair as explains, node_pairs, passes
from diagnosis.snapshot import Snapshot, TargetView

__all__ = ["RULE", "evaluate", "explains"]
FAILED, DISCARDED = "arp_res_failed", "arp_unresolved_discards"
RULE = Rule(
    id="neighbour",
    title="A node cannot resolve the link-layer address of another node",
    scope="node",
    stage="cause",
    inputs=("links", "nodes", "arp_res_failed", "arp_unresolved_discards"),
    symptoms=("connect", "timeout", "name", "nodes"),
    screen="node",
    criterion="an entry without a link-layer address (FAILED or INCOMPLETE) of a node that is "
    "ready, while lookups fail (arp_res_failed, where that is counted)",
    false_friends=(
        "ping of that address from the node is answered",
        "the other node is switched off",
    ),
    severity="critical",
    confidence="certain",
    fix="ip neigh flush to {address} dev {device}  # next: the switch, duplicate addresses and "
    "ARP filters of the other node",
    fix_kind="shell",
    verify="ip neigh show {address}: REACHABLE",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for host, other in node_pairs(snapshot):
        if other.ready and _looks_in_vain(snapshot, host, other):
            for row in _unresolved(host, other.address):
                yield _finding(host, other, row)


def _looks_in_vain(snapshot: Snapshot, host: TargetView, other: NodeRow) -> bool:
    """An entry stays FAILED, also for a node that came back, until somebody sends to it again;
    lookups fail of other addresses as well, as of pods that are gone. Those of IPv6 nobody counts:
    something between the two has to fail."""
    if ":" in other.address:
        return any(
            talk.unanswered and between(host.node, other.name, snapshot, talk)
            for talk in snapshot.conversations
        )
    if passes(snapshot, host.node, other.name):
        return False
    is_counted = FAILED in host.values
    return not is_counted or host.delta(FAILED, DISCARDED) > 0


def _unresolved(host: TargetView, address: str) -> list[NeighbourRow]:
    """None where another interface has it: a node of two networks is asked for on both."""
    rows = [row for row in host.neighbours if row.address == address]
    return [] if any(row.lladdr for row in rows) else rows


def _finding(host: TargetView, other: NodeRow, row: NeighbourRow) -> Finding:
    return RULE.finding(
        subject=replace(host.subject, detail=f"→ {other.name}"),
        title=f"{host.name} cannot resolve the link-layer address of {other.name}",
        evidence=_evidence(host, row),
        address=other.address,
        device=row.device,
    )


def _evidence(host: TargetView, row: NeighbourRow) -> Iterator[Evidence]:
    text = f"{row.address} on {row.device} has no link-layer address (FAILED or INCOMPLETE)"
    yield host.fact(text, "ARP table")
