"""Conversations that fail, by the server that they fail at, for the rules about connections."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address, ip_network

from collectors.findings import Evidence
from diagnosis.addresses import inside
from diagnosis.by_key import by_key
from diagnosis.paths import End
from diagnosis.rule import CONVENTION, Threshold
from diagnosis.snapshot import Conversation, Snapshot, listed

LEAST = Threshold("at least", 3, "connections in 15 s", CONVENTION)
CILIUM_HEALTH = 4240  # TCP: docs.cilium.io, System Requirements, Firewall Rules
ByServer = dict[End, list[Conversation]]


def by_server(snapshot: Snapshot, count: Callable[[Conversation], int]) -> ByServer:
    """TCP conversations of which `count` is not 0, where a server and port have enough of them."""
    tcp = (talk for talk in snapshot.conversations if talk.protocol == "TCP" and count(talk))
    found = by_key(tcp, lambda talk: talk.end)
    return {end: talks for end, talks in found.items() if sum(map(count, talks)) >= LEAST.value}


def refused(talk: Conversation) -> int:
    return talk.refused


def unanswered(talk: Conversation) -> int:
    return talk.unanswered


def seen(snapshot: Snapshot, talks: list[Conversation], text: str) -> Evidence:
    clients = listed(snapshot.workload(talk.client) for talk in talks)
    return snapshot.fact(f"{text}, asked by {clients}", "capture")


def servers_behind(snapshot: Snapshot, address: str) -> list[str]:
    """The ready endpoints of a Service, or the address itself."""
    service = snapshot.service_by_address.get(address)
    return snapshot.endpoints(service)[0] if service is not None else [address]


def node_of_unused(snapshot: Snapshot, address: str, port: int = 0) -> str:
    """The node of whose pod CIDR an address is that no pod has; '' for any other address, and where
    not all pods were listed: one of the others may have it. At Cilium's port it is an agent's
    health endpoint, which is not a pod."""
    if port == CILIUM_HEALTH and snapshot.setting("cilium"):
        return ""
    if address in snapshot.by_address or address in snapshot.node_by_address:
        return ""
    ranges = ((node.name, cidr) for node in snapshot.nodes for cidr in node.pod_cidrs)
    found = next((pair for pair in ranges if inside(address, pair[1])), None)
    if found is None or _is_of_the_node(address, found[1]) or _are_pods_unseen(snapshot):
        return ""
    return found[0]


def _is_of_the_node(address: str, cidr: str) -> bool:
    """Whether it is the tunnel's or the bridge's own: the first two of a range, of any size."""
    first = ip_network(cidr, strict=False).network_address
    return int(ip_address(address)) - int(first) < 2


def _are_pods_unseen(snapshot: Snapshot) -> bool:
    return any(spot.kind == "pods" for spot in snapshot.blind.spots)
