"""How a node reaches another by VXLAN: the route's gateway is the other's tunnel endpoint (VTEP),
whose link-layer address the neighbour table has, and the forwarding table that address's node.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.events import LinkRow, NodeRow
from collectors.frozen import frozen
from diagnosis.addresses import addresses_of
from diagnosis.node_routes import network
from diagnosis.overlays import overlays
from diagnosis.rules._node_pairs import host_of, node_pairs
from diagnosis.snapshot import Snapshot, TargetView


@frozen
class VtepPath:
    """`gateway` is the other node's VTEP, `lladdr` what this node sends to it with ('' where that
    is not known), `remotes` where its forwarding table sends that, `own_lladdr` what the other
    node's device has ('' where that node is not open)."""

    host: TargetView
    other: NodeRow
    link: LinkRow
    gateway: str
    lladdr: str
    remotes: tuple[str, ...]
    own_lladdr: str


def vtep_paths(snapshot: Snapshot) -> Iterator[VtepPath]:
    """From each open node to each other, for devices that do not learn by multicast."""
    for host, other in node_pairs(snapshot):
        for link in vxlans(host):
            yield _path(snapshot, host, other, link)


def vxlans(host: TargetView) -> Iterator[LinkRow]:
    """Those that routes use, and whose entries an agent writes."""
    for link in overlays(host):
        if link.kind == "vxlan" and not _learns(link) and _is_used(host, link):
            yield link


def _learns(link: LinkRow) -> bool:
    return "group" in link.detail or "remote" in link.detail


def _is_used(host: TargetView, link: LinkRow) -> bool:
    return any(row.device == link.name for row in host.routes)


def _path(snapshot: Snapshot, host: TargetView, other: NodeRow, link: LinkRow) -> VtepPath:
    gateway = _gateway(host, other, link)
    wanted = (gateway, link.name)
    known = (row.lladdr for row in host.neighbours if (row.address, row.device) == wanted)
    lladdr = next(known, "")
    return VtepPath(
        host=host,
        other=other,
        link=link,
        gateway=gateway,
        lladdr=lladdr,
        remotes=tuple(_remotes(host, link, lladdr)),
        own_lladdr=_own_lladdr(host_of(snapshot, other.name), gateway),
    )


def _gateway(host: TargetView, other: NodeRow, link: LinkRow) -> str:
    """The next hop towards the other node's pods by that device; '' for none."""
    for row in host.routes:
        if row.device == link.name and row.gateway and leads_to(row.destination, other):
            return row.gateway
    return ""


def leads_to(destination: str, other: NodeRow) -> bool:
    wanted = network(destination)
    return wanted is not None and any(
        (own := network(cidr)) is not None
        and own.version == wanted.version
        and wanted.prefixlen > 0
        and own.overlaps(wanted)
        for cidr in other.pod_cidrs
    )


def _remotes(host: TargetView, link: LinkRow, lladdr: str) -> Iterator[str]:
    for mac, remote, device in host.forwarding:
        if device == link.name and mac.lower() == lladdr.lower():
            yield remote


def _own_lladdr(view: TargetView | None, gateway: str) -> str:
    """Of the device that has the VTEP's address; '' where that is not known."""
    if view is None or not gateway:
        return ""
    own = (link.lladdr for link in view.links if gateway in addresses_of(link))
    return next(own, "")
