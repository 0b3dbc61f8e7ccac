"""What the store does not hold of the cluster because it could not be listed."""

from __future__ import annotations

from diagnosis.reachability.blind_spots import DECIDING, FOREIGN, BlindSpot, BlindSpots
from session.store import Store

NOT_IN_TIME = "the list did not come in time"


def blind_spots(store: Store) -> BlindSpots:
    """Of the kinds that decide a verdict: refused, listed in one namespace only, or not listed yet."""
    return BlindSpots(tuple(spot for kind in DECIDING if (spot := _spot(store, kind))))


def _spot(store: Store, kind: str) -> BlindSpot | None:
    if reason := store.refused.get(kind):
        return BlindSpot(kind, reason)
    if namespace := store.only.get(kind):
        reason = "in others they may not be listed"
        return BlindSpot(kind, reason, read_namespaces=frozenset((namespace,)))
    if kind in store.inventory or kind == FOREIGN:
        return None
    return BlindSpot(kind, NOT_IN_TIME)
