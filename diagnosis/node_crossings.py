"""Packets between the pods of two nodes, as one machine's capture saw them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from diagnosis.paths import PathDirection, PathRow
from diagnosis.snapshot import Snapshot, TargetView


def seen_between(
    snapshot: Snapshot, view: TargetView, sender: str, receiver: str, *, masqueraded: bool = False
) -> PathDirection:
    """What the view saw from pods of one node to pods of another; `masqueraded`: from that node's
    own addresses as well, which a node may send its pods' packets with."""
    wanted = (sender, receiver)
    found = (
        direction
        for row in view.paths
        for nodes, direction in _directions(snapshot, row, masqueraded)
        if nodes == wanted
    )
    return sum(found, PathDirection())


def _directions(
    snapshot: Snapshot, row: PathRow, masqueraded: bool
) -> Iterator[tuple[tuple[str, str], PathDirection]]:
    """((sender's node, receiver's), packets) in both directions between two pods."""
    client, server = snapshot.by_address.get(row.client), snapshot.by_address.get(row.endpoint)
    if server is None or (client is None and not masqueraded):
        return
    node = client.node if client is not None else snapshot.node_at(row.client)
    yield (node, server.node), row.to_server
    yield (server.node, node), row.to_client


def seen_behind(view: TargetView, rows: Iterable[PathRow]) -> tuple[PathDirection, PathDirection]:
    """What a capture behind another one saw of connections, as they were sent on, in both
    directions: a node may have sent them with an address of its own."""
    sent = {(row.sent_as, row.endpoint) for row in rows}
    seen = [row for row in view.paths if (row.client, row.endpoint or row.asked) in sent]
    there = sum((row.to_server for row in seen), PathDirection())
    return there, sum((row.to_client for row in seen), PathDirection())


def entered_lately(view: TargetView, addresses: set[str]) -> int:
    """Packets that came from one of these addresses in 10 s."""
    as_client = (row.to_server for row in view.paths if row.client in addresses)
    as_server = (row.to_client for row in view.paths if row.asked in addresses)
    return sum(direction.latest_entered for direction in (*as_client, *as_server))
