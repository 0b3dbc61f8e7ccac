"""Packets between the pods of two nodes, as one machine's capture saw them. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from diagnosis.paths import PathDirection, PathRow
from diagnosis.snapshot import Snapshot, TargetView


def seen_between(snapshot: Snapshot, view: TargetView, sender: str, receiver: str) -> PathDirection:
    """What the view saw from pods of one node to pods of another."""
    wanted = (sender, receiver)
    found = (
        direction
        for row in view.paths
        for nodes, direction in _directions(snapshot, row)
        if nodes == wanted
    )
    return sum(found, PathDirection())


def _directions(
    snapshot: Snapshot, row: PathRow
) -> Iterator[tuple[tuple[str, str], PathDirection]]:
    """((sender's node, receiver's), packets) in both directions between two pods."""
    client, server = snapshot.by_address.get(row.client), snapshot.by_address.get(row.endpoint)
    if client is not None and server is not None:
        yield (client.node, server.node), row.to_server
        yield (server.node, client.node), row.to_client
