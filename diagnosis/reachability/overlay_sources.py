"""As which address a node sends to another node's pod: its own, or over an overlay its tunnel's.

(Seen with real packets over flannel's VXLAN: the kernel chooses the first address of the device by
which it sends, and masquerading does the same.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_network

from diagnosis.reachability.cluster_state import ClusterState
from diagnosis.reachability.parties import Party, family, is_ipv6, over
from diagnosis.reachability.verdicts import Decision

FROM_TUNNEL = (
    "over an overlay a node's address is that of its tunnel, and policies that name nodes' "
    "addresses do not know it"
)


def as_from_tunnel(
    cluster: ClusterState, plain: Decision, sender: Party, end: Party, port: tuple[int, str]
) -> Decision:
    """A decision of ingress that was made for a node's own address: not known where the tunnel's
    makes it another, unless there is known to be an overlay."""
    for tunnel in _tunnels(cluster, sender, end):
        other = cluster.policies.verdict(tunnel, end, *port).ingress
        if other.verdict == plain.verdict:
            continue
        if cluster.policies.tunnels:
            return replace(other, reason=f"{other.reason}; {FROM_TUNNEL}")
        reason = f"it may come from its tunnel's address, {tunnel.ips[0]}; else {plain.reason}"
        return replace(plain, verdict="unknown", reason=reason, unknown_because=(FROM_TUNNEL,))
    return plain


def _tunnels(cluster: ClusterState, sender: Party, end: Party) -> Iterator[Party]:
    """The node by its tunnel's address, by flannel the first of its pods' range; none where it
    reaches a pod of its own."""
    row = cluster.node_rows.get(sender.node)
    if row is None or not sender.host or not end.selectable or sender.node == end.node:
        return
    six = family(sender, end)
    own = sender if six is None else over(sender, six)
    for cidr in row.pod_cidrs:
        if own.ips and is_ipv6(cidr) == is_ipv6(own.ips[0]):
            first = ip_network(cidr, strict=False).network_address
            yield replace(own, ips=(str(ip_address(first)),))
