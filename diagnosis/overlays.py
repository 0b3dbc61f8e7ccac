"""Overlay devices of a node, and the bytes that they add to a packet.

Facts: docs/reference/mtu.md.
"""

from __future__ import annotations

from collectors.events import LinkRow
from diagnosis.addresses import addresses_of
from diagnosis.snapshot import Snapshot, TargetView

OVERHEAD = {
    "vxlan": 50,
    "geneve": 50,
    "ipip": 20,
    "sit": 20,
    "wireguard": 60,
    "gre": 24,
}  # bytes over IPv4
OVER_IPV6 = 20  # the longer header


def tunnel_fields(link: LinkRow) -> dict[str, str]:
    """What a tunnel is made of, by name: id, local, remote, group, port (`ip -d link`)."""
    words = link.detail.split()
    return dict(zip(words[::2], words[1::2], strict=False))


def overhead(link: LinkRow) -> int:
    """Bytes that a tunnel adds; its local or remote address shows over which family it runs."""
    fields = tunnel_fields(link)
    is_ipv6 = any(":" in fields.get(name, "") for name in ("local", "remote", "group"))
    return OVERHEAD[link.kind] + (OVER_IPV6 if is_ipv6 else 0)


def overlays_of_pods(snapshot: Snapshot, host: TargetView) -> list[LinkRow]:
    """Those that are up, with an address of the pods' or routes to them: no VPN of the node's own,
    and none that a CNI of before left."""
    up = (link for link in overlays(host) if link.state != "DOWN")
    return [link for link in up if _carries_pods(snapshot, host, link)]


def _carries_pods(snapshot: Snapshot, host: TargetView, link: LinkRow) -> bool:
    routes = (row.destination.partition("/")[0] for row in host.routes if row.device == link.name)
    return any(map(snapshot.in_pod_range, (*addresses_of(link), *routes)))


def has_own_mtu(link: LinkRow) -> bool:
    """Not of a device whose flows say where each packet goes (Open vSwitch, Cilium: VNI 0): its
    MTU is nominal, that of routes or pods counts."""
    return link.kind not in ("vxlan", "geneve") or tunnel_fields(link).get("id") != "0"


def overlays(target: TargetView) -> list[LinkRow]:
    return [link for link in target.links if link.kind in OVERHEAD]
