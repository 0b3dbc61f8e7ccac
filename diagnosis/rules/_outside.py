"""Addresses outside of the cluster, for rules about what leaves it."""

from __future__ import annotations

from diagnosis.node_routes import network
from diagnosis.snapshot import Snapshot

__all__ = ["is_outside"]


def is_outside(snapshot: Snapshot, address: str) -> bool:
    """Whether an address is nobody's in the cluster: no pod's, Service's or node's, and in no range
    of pods."""
    if not address or network(address) is None or snapshot.node_at(address):
        return False
    if address in snapshot.by_address or address in snapshot.service_by_address:
        return False
    return not snapshot.in_pod_range(address)
