"""Which way a node's packets take to the pods of another node: over an overlay, or natively."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_interface, ip_network

from collectors.events import NodeRow, RouteRow
from collectors.frozen import frozen
from diagnosis.snapshot import Snapshot, TargetView

OVERLAYS = (
    "vxlan",
    "geneve",
    "ipip",
    "sit",
    "gre",
    "ip6tnl",
    "ip6gre",
    "wireguard",
)  # kinds of links
# Devices of CNIs that show no kind of their own in `ip -d link`.
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
class Way:
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
    links = host.network.links if host.network else ()
    kind = next((link.kind for link in links if link.name == device), "")
    return kind in OVERLAYS or device.startswith(NAMES)


def pod_of(snapshot: Snapshot, node: NodeRow) -> str:
    """The address of a pod that runs there, or the first of the node's pod CIDR; '' where neither is known."""
    for pod in snapshot.pods:
        if pod.node == node.name and pod.ip and not pod.host_network:
            return pod.ip
    found = network(node.pod_cidrs[0]) if node.pod_cidrs else None
    return str(found.network_address + 2) if found is not None and found.num_addresses > 2 else ""


def way(snapshot: Snapshot, host: TargetView, other: NodeRow) -> Way | None:
    """The most specific route to a pod of another node; None where only the default route leads there, or nothing is
    known."""
    address = pod_of(snapshot, other)
    if not address or host.network is None:
        return None
    wanted = ip_address(address)
    best: tuple[int, RouteRow] | None = None
    for row in host.network.routes:
        if row.destination == "default" or (found := network(row.destination)) is None:
            continue
        if (
            found.version == wanted.version
            and wanted in found
            and (best is None or found.prefixlen > best[0])
        ):
            best = (found.prefixlen, row)
    return Way(address, best[1], is_overlay(host, best[1].device)) if best and best[0] else None


def same_subnet(host: TargetView, other: NodeRow) -> str:
    """The subnet of the host's own interfaces that the other node's address is in; '' for none."""
    if not other.address or host.network is None:
        return ""
    wanted = ip_address(other.address)
    for link in host.network.links:
        for text in link.addresses if link.name != "lo" and not is_overlay(host, link.name) else ():
            try:
                found = ip_interface(text).network
            except ValueError:
                continue
            if (
                found.version == wanted.version
                and wanted in found
                and found.prefixlen < found.max_prefixlen
            ):
                return str(found)
    return ""
