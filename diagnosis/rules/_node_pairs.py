"""Each node that is open, with each other node of the cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from collectors.events import NodeRow
from collectors.findings import Finding, Subject
from diagnosis.snapshot import WINDOW_S, Conversation, Snapshot, TargetView


def node_pairs(snapshot: Snapshot) -> Iterator[tuple[TargetView, NodeRow]]:
    for host in snapshot.of_kind("node"):
        for other in snapshot.nodes:
            if other.name != host.node and other.address:
                yield host, other


def host_of(snapshot: Snapshot, node: str) -> TargetView | None:
    """The view of a node, where that is open."""
    return next((view for view in snapshot.of_kind("node") if view.node == node), None)


def addresses_of(snapshot: Snapshot, node: NodeRow) -> set[str]:
    """All that are known of a node: by its object and, where it is open, by its interfaces."""
    own = {address for address, name in snapshot.node_by_address.items() if name == node.name}
    return own | {node.address, *node.addresses}


def between(node: str, other: str, snapshot: Snapshot, talk: Conversation) -> bool:
    """Whether packets of a conversation have to cross from one node to another, in either
    direction; a Service's may where an endpoint is there."""
    here, there = snapshot.node_at(talk.client), _nodes_at(snapshot, talk.server)
    return (here == node and other in there) or (here == other and node in there)


def passes(snapshot: Snapshot, node: str, other: str) -> bool:
    """Whether connections of these seconds between pods of two nodes are made, and none fails:
    whatever the tables look like, packets come there, and back."""
    pods = snapshot.by_address
    talks = [
        talk
        for talk in snapshot.conversations
        if talk.client in pods and talk.server in pods and between(node, other, snapshot, talk)
    ]
    is_made = any(talk.answered and snapshot.at - talk.opened < WINDOW_S for talk in talks)
    return is_made and not any(talk.unanswered for talk in talks)


def pair_of(finding: Finding) -> tuple[str, str]:
    """(node, other) of a finding whose subject is `node → other`."""
    return finding.subject.name, finding.subject.detail.removeprefix("→ ")


def pairs_subject(pairs: Sequence[set[str]]) -> Subject:
    """Of pairs of nodes' names: the pair; of several the node that all have in common, else the
    cluster."""
    if len(pairs) == 1:
        one, other = sorted(pairs[0])
        return Subject(kind="node", name=one, detail=f"→ {other}")
    common = set.intersection(*pairs)
    if len(common) == 1:
        return Subject(kind="node", name=common.pop())
    return Subject(kind="cluster", name="nodes")


def explains_pair(snapshot: Snapshot, finding: Finding, talk: Conversation) -> bool:
    """For rules whose subject is a pair of nodes between which nothing passes."""
    return between(*pair_of(finding), snapshot, talk)


def _nodes_at(snapshot: Snapshot, address: str) -> set[str]:
    """Of an address, or of a Service's endpoints."""
    service = snapshot.service_by_address.get(address)
    addresses = chain(*snapshot.endpoints(service)) if service is not None else (address,)
    return set(map(snapshot.node_at, addresses))
