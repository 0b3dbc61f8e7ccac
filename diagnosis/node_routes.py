"""How a node's packets reach the pods of another node: over an overlay, or natively."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_interface,
    ip_network,
)
from operator import itemgetter

from collectors.events import LinkRow, NodeRow, RouteRow
from collectors.frozen import frozen
from diagnosis.snapshot import Snapshot, TargetView

Address = IPv4Address | IPv6Address
Interface = IPv4Interface | IPv6Interface
OVERLAYS = ("vxlan", "geneve", "ipip", "sit", "gre", "ip6tnl", "ip6gre", "wireguard")
# devices of CNIs that show no kind of their own in `ip -d link`
NAMES = (
    "vxlan.calico",
    "flannel.",
    "tunl0",
    "cilium_vxlan",
    "cilium_geneve",
    "genev_sys_",
    "antrea-wg0",
    "cilium_wg0",
    "wireguard.cali",
    "vxlan_sys_",
)


@frozen
class PodRoute:
    """The route that leads from a node to one pod of another."""

    pod: str
    route: RouteRow
    overlay: bool


@lru_cache(20_000)
def network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def is_overlay(host: TargetView, device: str) -> bool:
    kind = next((link.kind for link in host.links if link.name == device), "")
    return kind in OVERLAYS or device.startswith(NAMES)


def pod_of(snapshot: Snapshot, node: NodeRow) -> str:
    """The address of a pod that runs there, or the first of the node's pod CIDR; '' where neither
    is known."""
    for pod in snapshot.pods:
        if pod.node == node.name and pod.ip and not pod.host_network:
            return pod.ip
    found = network(node.pod_cidrs[0]) if node.pod_cidrs else None
    return str(found.network_address + 2) if found is not None and found.num_addresses > 2 else ""


def pod_route(snapshot: Snapshot, host: TargetView, other: NodeRow) -> PodRoute | None:
    """The most specific route to a pod of another node; None where only the default route leads
    there, or nothing is known."""
    address = pod_of(snapshot, other)
    if not address:
        return None
    length, row = longest_route(host, ip_address(address)) or (0, None)
    if row is None or not length:
        return None
    return PodRoute(address, row, is_overlay(host, row.device))


def longest_route(host: TargetView, address: Address) -> tuple[int, RouteRow] | None:
    """The most specific one, with the length of its prefix; None where only the default route leads
    there."""
    return max(_routes_to(host, address), key=itemgetter(0), default=None)


def _routes_to(host: TargetView, address: Address) -> Iterator[tuple[int, RouteRow]]:
    """With the length of their prefixes; not the default route."""
    for row in host.routes:
        if row.destination == "default":
            continue
        found = network(row.destination)
        if found is not None and address in found:
            yield found.prefixlen, row


def same_subnet(host: TargetView, other: NodeRow) -> str:
    """The subnet of the host's own interfaces that the other node's address is in; '' for none."""
    if not other.address:
        return ""
    wanted = ip_address(other.address)
    for own in _own_interfaces(host):
        subnet = own.network
        if subnet.prefixlen < subnet.max_prefixlen and wanted in subnet:
            return str(subnet)
    return ""


def _own_interfaces(host: TargetView) -> Iterator[Interface]:
    for link in host.links:
        if link.name != "lo" and not is_overlay(host, link.name):
            yield from _interfaces(link)


def _interfaces(link: LinkRow) -> Iterator[Interface]:
    for text in link.addresses:
        with contextlib.suppress(ValueError):
            yield ip_interface(text)
