"""Two directions that differ."""

from __future__ import annotations

from dataclasses import replace

from collectors.events import (
    RouteRow,
)
from tests.support.network_snapshots import (
    host,
    network_snapshot,
    only,
)
from tests.support.rules import finder

evaluate = finder("asymmetric_path")


def test_two_directions_that_differ() -> None:
    there = replace(host("eth0", ""), key="node/n2", node="n2")
    assert there.network is not None
    there = replace(
        there, network=replace(there.network, routes=(RouteRow("10.1.0.0/24", "eth0"),))
    )
    both = replace(network_snapshot(), targets=(host("flannel.1", "vxlan"), there))
    assert only(list(evaluate(both)), "asymmetric_path").where == "n1 ↔ n2"
