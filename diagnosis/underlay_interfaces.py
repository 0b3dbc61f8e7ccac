"""The interface below a tunnel: of a node with several, not always that of the default route."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from collectors.events import LinkRow
from diagnosis.addresses import addresses_of
from diagnosis.node_routes import is_overlay, longest_route
from diagnosis.overlays import tunnel_fields
from diagnosis.snapshot import Snapshot, TargetView


def underlay_interface(snapshot: Snapshot, host: TargetView, overlay: LinkRow) -> LinkRow | None:
    """The one that has the tunnel's own address, else that of the route to another node, else that
    of the default route, else the first that looks like one."""
    local = tunnel_fields(overlay).get("local", "")
    own = (link for link in host.links if local and local in addresses_of(link))
    names = {link.name: link for link in host.links}
    routed = (names.get(device) for device in _devices(snapshot, host))
    physical = filter(_looks_physical, host.links)
    return next(own, None) or next(filter(None, routed), None) or next(physical, None)


def _devices(snapshot: Snapshot, host: TargetView) -> Iterator[str]:
    """Of the most specific routes to other nodes, and of the default route."""
    for node in snapshot.nodes:
        if node.name == host.node or not node.address:
            continue
        found = longest_route(host, ip_address(node.address))
        device = found[1].device if found is not None else ""
        if device and not is_overlay(host, device):
            yield device
    yield from (row.device for row in host.routes if row.destination == "default")


def _looks_physical(link: LinkRow) -> bool:
    return link.name.startswith(("eth", "en")) and link.kind in ("", "veth")
