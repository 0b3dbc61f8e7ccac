"""A node has no route to the pods of another node.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network

from collectors.events import NodeRow
from collectors.findings import Evidence, Finding
from diagnosis.addresses import inside
from diagnosis.overlays import overlays_of_pods
from diagnosis.rule import Rule
from diagnosis.rules._agents import is_of_overlay, restart_cni_agent
from diagnosis.rules._node_pairs import explains_pair as explains, node_pairs
from diagnosis.snapshot import Snapshot, TargetView

__all__ = ["RULE", "evaluate", "explains"]
RULE = Rule(
    id="missing_route",
    title="A node has no route to the pods of another node",
    scope="node",
    stage="cause",
    inputs=("links", "nodes"),
    symptoms=("connect", "timeout", "name", "nodes"),
    screen="node",
    criterion="each node's pod CIDR needs a route, where an overlay device shows that nodes "
    "route to pods themselves",
    false_friends=("ip route get of a pod of the other node names the overlay's device",),
    severity="critical",
    confidence="certain",
    disproof="ip route get of a pod of {name} names {device}",
    fix_kind="shell",
    verify="ip route show {cidr}",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for host, other in node_pairs(snapshot):
        overlay = next(iter(overlays_of_pods(snapshot, host)), None)
        if overlay is None or not other.ready:  # in clouds the network routes to pods
            continue
        if not is_of_overlay(snapshot, host.node, other):
            continue
        for cidr in _without_route(snapshot, host, other):
            yield _finding(snapshot, host, other, cidr, overlay.name)


def _without_route(snapshot: Snapshot, host: TargetView, other: NodeRow) -> Iterator[str]:
    for cidr in other.pod_cidrs:
        if any(_covers(row.destination, cidr) for row in host.routes):
            continue
        if _is_used(snapshot, other, cidr):
            yield cidr


def _is_used(snapshot: Snapshot, other: NodeRow, cidr: str) -> bool:
    """Some CNIs (Calico's IPAM) give pods other addresses than those of the node's CIDR, or those
    of one family only."""
    pods = (pod for pod in snapshot.pods if pod.node == other.name and not pod.host_network)
    known = [ip for pod in pods for ip in (pod.ips or (pod.ip,)) if ip]
    return not known or any(inside(ip, cidr) for ip in known)


def _finding(
    snapshot: Snapshot, host: TargetView, other: NodeRow, cidr: str, device: str
) -> Finding:
    return RULE.finding(
        subject=replace(host.subject, detail=f"→ {other.name}"),
        title=f"{host.name} has no route to the pods of {other.name} ({cidr})",
        evidence=_evidence(host, cidr),
        name=other.name,
        device=device,
        fix=restart_cni_agent(snapshot, host.node),
        cidr=cidr,
    )


def _evidence(host: TargetView, cidr: str) -> Iterator[Evidence]:
    text = f"no route to {cidr} among {len(host.routes)} routes"
    yield host.fact(text, "ip route")


def _covers(destination: str, cidr: str) -> bool:
    """Whether a route is for a part of, or the whole of, a pod CIDR; a default route is not."""
    try:
        one, other = ip_network(destination, strict=False), ip_network(cidr, strict=False)
    except ValueError:
        return False
    return one.version == other.version and one.prefixlen > 0 and one.overlaps(other)
