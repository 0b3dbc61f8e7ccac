"""Whether a node forwards the packets of its pods, of each address family that they have."""

from __future__ import annotations

from collections.abc import Iterator

from collectors.frozen import frozen
from diagnosis.snapshot import Snapshot, TargetView

FORWARDING = 1  # IpForwarding in /proc/net/snmp: RFC 4293, ipForwarding; 2 is notForwarding
IPV6 = "net.ipv6.conf.all.forwarding"  # 0 stops all of it: ip6_output.c, ip6_forward


@frozen
class ForwardingOff:
    """A family of a node's pods that it does not forward, and where that was read."""

    family: str  # IPv4 or IPv6
    setting: str
    reading: str
    source: str


def forwarding_off(snapshot: Snapshot, view: TargetView) -> Iterator[ForwardingOff]:
    """By the newest of what the node says: of IPv4 each sample has it, sysctls are read seldom."""
    families = _families(snapshot, view.node)
    value = view.values.get("IpForwarding", FORWARDING)
    if "IPv4" in families and value != FORWARDING:
        name = "net.ipv4.ip_forward"
        yield ForwardingOff("IPv4", name, f"Ip Forwarding {value}: {name} = 0", "/proc/net/snmp")
    if "IPv6" in families and view.sysctl(IPV6) == 0:
        yield ForwardingOff("IPv6", IPV6, f"{IPV6} = 0", "sysctl")


def _families(snapshot: Snapshot, node: str) -> set[str]:
    """Of the node's pod CIDRs, else of its pods; IPv4 where neither is known."""
    ranges = {cidr for row in snapshot.nodes if row.name == node for cidr in row.pod_cidrs}
    own = ranges or {
        address
        for pod in snapshot.pods
        if pod.node == node and not pod.host_network
        for address in (pod.ip, *pod.ips)
        if address
    }
    return {family(text) for text in own} or {"IPv4"}


def family(address: str) -> str:
    """Of an address or a range."""
    return "IPv6" if ":" in address else "IPv4"
