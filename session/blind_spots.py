"""What the store does not hold of the cluster because it could not be listed."""

from __future__ import annotations

from collections.abc import Sequence

from diagnosis.reachability.blind_spots import CUTTING, DECIDING, FOREIGN, BlindSpot, BlindSpots
from session.store import Store

# Sessions that were recorded by older versions have no lists of policies of other APIs.
EXPECTED = tuple(kind for kind in DECIDING if kind not in (FOREIGN, CUTTING))


def blind_spots(store: Store, expected: Sequence[str] = EXPECTED) -> BlindSpots:
    """Of the kinds that decide a verdict: refused, listed in one namespace only, or, where the list
    is expected, not listed yet."""
    found = (_spot(store, kind, expected) for kind in DECIDING)
    return BlindSpots(tuple(filter(None, found)))


def _spot(store: Store, kind: str, expected: Sequence[str]) -> BlindSpot | None:
    coverage = store.coverage(kind)
    if coverage.complete or (coverage.state == "pending" and kind not in expected):
        return None
    if coverage.state == "namespace":
        reason = "in others they may not be listed"
        return BlindSpot(kind, reason, read_namespaces=frozenset((coverage.detail,)))
    return BlindSpot(kind, coverage.detail or "the list did not come in time")
