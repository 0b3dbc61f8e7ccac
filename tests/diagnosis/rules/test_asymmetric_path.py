"""Two directions that differ."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collectors.events import (
    RouteRow,
)
from collectors.findings import Finding
from tests.support.network_snapshots import (
    host,
    network_snapshot,
    only,
    settings,
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


@pytest.mark.alike
def test_pods_of_two_pools_that_are_set_so() -> None:
    """Calico's pools say how what goes to their pods is carried, each for itself."""
    tunnel = host("tunl0", "ipip")
    there = replace(host("eth0", ""), key="node/n2", node="n2")
    assert there.network is not None
    back = replace(there.network, routes=(RouteRow("10.1.0.0/26", "eth0"),))
    there = replace(there, network=back)

    def found(mode: str) -> list[Finding]:
        pools = {
            "a.cidr": "10.1.0.0/16",
            "a.ipipMode": mode,
            "b.cidr": "10.2.0.0/16",
            "b.ipipMode": "Always",
        }
        moment = network_snapshot(settings("calico ippools", **pools))
        return evaluate(replace(moment, targets=(tunnel, there)))

    assert found("Always") and not found("Never")
