"""A node lacks the route, the forwarding entry or the neighbour that leads to another node.

Facts: docs/reference/failures.md #30.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network

from collectors.events import NodeRow
from collectors.findings import Finding
from diagnosis.rules.mtu import overlays
from diagnosis.snapshot import Snapshot, TargetView


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for host in snapshot.of_kind("node"):
        for other in snapshot.nodes:
            if other.name != host.node and other.address:
                yield from _neighbour(host, other)
                yield from _route(host, other)
                yield from _forwarding(host, other, snapshot)


def _neighbour(host: TargetView, other: NodeRow) -> Iterator[Finding]:
    for row in host.network.neighbours if host.network else ():
        if row.address == other.address and not row.lladdr:
            yield Finding(
                rule="neighbour",
                severity="critical",
                subject=replace(host.subject, detail=f"→ {other.name}"),
                title=f"{host.name} cannot resolve the link-layer address of {other.name}",
                evidence=(
                    host.fact(
                        f"{row.address} on {row.device} has no link-layer address (FAILED or INCOMPLETE)",
                        "ARP table",
                    ),
                ),
                threshold="an entry without a link-layer address",
                confidence="certain",
                disproof="ping of that address from the node is answered",
                fix=f"ip neigh flush to {other.address} dev {row.device}  # then look at the switch, duplicate addresses "
                "and ARP filters of the other node",
                fix_kind="shell",
                verify=f"ip neigh show {other.address}: REACHABLE",
                screen="node",
            )


def _route(host: TargetView, other: NodeRow) -> Iterator[Finding]:
    """Only where an overlay device says that this node routes to pods itself: in clouds the network does."""
    devices = [link.name for link in overlays(host)]
    if not devices or host.network is None:
        return
    for cidr in other.pod_cidrs:
        if not any(_leads(row.destination, cidr) for row in host.network.routes):
            yield Finding(
                rule="missing_route",
                severity="critical",
                subject=replace(host.subject, detail=f"→ {other.name}"),
                title=f"{host.name} has no route to the pods of {other.name} ({cidr})",
                evidence=(
                    host.fact(
                        f"no route to {cidr} among {len(host.network.routes)} routes", "ip route"
                    ),
                ),
                threshold="each node's pod CIDR needs a route",
                confidence="certain",
                disproof=f"ip route get of a pod of {other.name} names {devices[0]}",
                fix=f"kubectl -n kube-system delete pod -l app=CNI_AGENT --field-selector spec.nodeName={host.node}"
                "  # the CNI's agent puts it back",
                fix_kind="shell",
                verify=f"ip route show {cidr}",
                screen="node",
            )


def _leads(destination: str, cidr: str) -> bool:
    """Whether a route is for a part of, or the whole of, a pod CIDR."""
    try:
        one, other = ip_network(destination, strict=False), ip_network(cidr, strict=False)
    except ValueError:
        return False
    return one.version == other.version and one.prefixlen > 0 and one.overlaps(other)


def _forwarding(host: TargetView, other: NodeRow, snapshot: Snapshot) -> Iterator[Finding]:
    if host.network is None:
        return
    for link in overlays(host):
        known = {address for _, address, device in host.network.forwarding if device == link.name}
        multicast = "group" in link.detail or "remote" in link.detail
        if (
            link.kind != "vxlan"
            or multicast
            or other.address in known
            or not _used(host, link.name)
        ):
            continue
        yield Finding(
            rule="missing_fdb",
            severity="critical",
            subject=replace(host.subject, detail=f"→ {other.name}"),
            title=f"{link.name} of {host.name} has no forwarding entry for {other.name}: its pods cannot be reached",
            evidence=(
                host.fact(
                    f"no FDB entry with dst {other.address}", f"bridge fdb show dev {link.name}"
                ),
                host.fact(
                    f"{len(known)} entries for other nodes", f"bridge fdb show dev {link.name}"
                ),
            ),
            threshold="one entry a node",
            confidence="certain",
            disproof="the device learns addresses by multicast, or the CNI uses another path",
            fix=f"kubectl -n kube-system delete pod -l app=CNI_AGENT --field-selector spec.nodeName={host.node}"
            "  # the CNI's agent puts it back",
            fix_kind="shell",
            verify=f"bridge fdb show dev {link.name} | grep {other.address}",
            screen="node",
        )


def _used(host: TargetView, device: str) -> bool:
    """Whether routes lead over that device."""
    return any(row.device == device for row in host.network.routes) if host.network else False
