"""Maps of Cilium that fill up."""

from __future__ import annotations

from tests.support.network_snapshots import (
    network_snapshot,
    only,
    settings,
)
from tests.support.rules import finder

evaluate = finder("cilium_map")


def test_maps_of_cilium() -> None:
    status = settings(
        "cilium status",
        **{
            "map pressure ct4_global": "0.97",
            "map pressure snat_v4_external": "0.1",
            "map pressure x": "odd",
        },
    )
    found = only(list(evaluate(network_snapshot(status))), "cilium_map")
    assert (found.severity, found.where) == ("critical", "Cilium ct4_global")
