"""Conversations that fail, by the server that they fail at, for the rules about connections."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address, ip_network

from collectors.findings import Evidence
from diagnosis.rule import CONVENTION, Threshold
from diagnosis.snapshot import Conversation, Snapshot, listed

LEAST = Threshold("at least", 3, "connections in 15 s", CONVENTION)
ByServer = dict[tuple[str, int], list[Conversation]]


def by_server(snapshot: Snapshot, count: Callable[[Conversation], int]) -> ByServer:
    """TCP conversations of which `count` is not 0, where a server and port have enough of them."""
    found: ByServer = {}
    for talk in snapshot.conversations:
        if talk.protocol == "TCP" and count(talk):
            found.setdefault((talk.server, talk.port), []).append(talk)
    return {key: talks for key, talks in found.items() if sum(map(count, talks)) >= LEAST.value}


def refused(talk: Conversation) -> int:
    return talk.refused


def unanswered(talk: Conversation) -> int:
    return talk.unanswered


def seen(snapshot: Snapshot, talks: list[Conversation], text: str) -> Evidence:
    clients = listed(snapshot.workload(talk.client) for talk in talks)
    return snapshot.fact(f"{text}, asked by {clients}", "capture")


def node_of_unused(snapshot: Snapshot, address: str) -> str:
    """The node of whose pod CIDR an address is that no pod has; '' for any other address."""
    if address in snapshot.by_address or address in snapshot.node_by_address:
        return ""
    if address.endswith((".0", ".1")):  # the tunnel's and the bridge's own
        return ""
    ranges = ((node.name, cidr) for node in snapshot.nodes for cidr in node.pod_cidrs)
    return next((name for name, cidr in ranges if _inside(address, cidr)), "")


def _inside(address: str, cidr: str) -> bool:
    try:
        return ip_address(address) in ip_network(cidr, strict=False)
    except ValueError:
        return False
