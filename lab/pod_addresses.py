"""Addresses of pods, from each node's range."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lab.topology import Node

# annotation of a pod: another pod (namespace/app@node) whose address it gets as well
ADDRESS_OF = "lab.podwire/address-of"
BRIDGE = 1  # .0 is the network's, .1 the node's bridge


class PodAddresses:
    def __init__(self, nodes: Sequence[Node]) -> None:
        self._used: dict[str, set[int]] = {node.name: {0, BRIDGE} for node in nodes}
        self._last = {node.name: BRIDGE for node in nodes}

    def new(self, node: Node) -> str:
        """The next free address after the last one, as the host-local plugin does: an address that
        is used again at once is still known to others by its old link-layer address."""
        used = self._used[node.name]
        host = next(number for number in _from(self._last[node.name]) if number not in used)
        used.add(host)
        self._last[node.name] = host
        return f"{node.pod_prefix}.{host}"

    def free(self, node: Node, address: str) -> None:
        self._used[node.name].discard(int(address.rpartition(".")[2]))


def _from(last: int) -> Iterator[int]:
    """The numbers of a node's range, beginning after the last one that was given."""
    yield from range(last + 1, 255)
    yield from range(BRIDGE + 1, last + 1)


def of_both_families(node: Node, address: str) -> tuple[str, ...]:
    """A pod's address of IPv4, and where its node has IPv6 the one with the same number."""
    if not node.pod_prefix6:
        return (address,)
    return address, f"{node.pod_prefix6}::{int(address.rpartition('.')[2]):x}"
