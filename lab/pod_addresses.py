"""Addresses of pods, from each node's range."""

from __future__ import annotations

from collections.abc import Sequence

from lab.topology import Node

BRIDGE = 1  # .0 is the network's, .1 the node's bridge


class PodAddresses:
    def __init__(self, nodes: Sequence[Node]) -> None:
        self._used: dict[str, set[int]] = {node.name: {0, BRIDGE} for node in nodes}
        self._last = {node.name: BRIDGE for node in nodes}

    def new(self, node: Node) -> str:
        """The next free address after the last one, as the host-local plugin does: an address that
        is used again at once is still known to others by its old link-layer address."""
        used, last = self._used[node.name], self._last[node.name]
        host = next(n for n in (*range(last + 1, 255), *range(2, last + 1)) if n not in used)
        used.add(host)
        self._last[node.name] = host
        return f"{node.pod_prefix}.{host}"

    def free(self, node: Node, address: str) -> None:
        self._used[node.name].discard(int(address.rpartition(".")[2]))
