"""Conversations that fail, by the server that they fail at, for the rules about connections."""

from __future__ import annotations

from collections.abc import Callable

from collectors.findings import Evidence
from diagnosis.addresses import inside
from diagnosis.by_key import by_key
from diagnosis.paths import End
from diagnosis.rule import CONVENTION, Threshold
from diagnosis.snapshot import Conversation, Snapshot, listed

LEAST = Threshold("at least", 3, "connections in 15 s", CONVENTION)
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


def node_of_unused(snapshot: Snapshot, address: str) -> str:
    """The node of whose pod CIDR an address is that no pod has; '' for any other address."""
    if address in snapshot.by_address or address in snapshot.node_by_address:
        return ""
    if address.endswith((".0", ".1")):  # the tunnel's and the bridge's own
        return ""
    ranges = ((node.name, cidr) for node in snapshot.nodes for cidr in node.pod_cidrs)
    return next((name for name, cidr in ranges if inside(address, cidr)), "")
