"""NetworkPolicies of a cluster that no API server would let in: what they say is not known."""

from __future__ import annotations

from typing import Any

import pytest

from collectors.cluster.inventory.live_policies import policies_built

GOOD: dict[str, Any] = {"podSelector": {}, "ingress": [{"ports": [{"port": 80}]}]}


def built(spec: Any) -> tuple[int, int]:
    rows, odd = policies_built([{"metadata": {"namespace": "shop", "name": "p"}, "spec": spec}])
    return len(rows), odd


@pytest.mark.parametrize(
    "spec",
    [
        7,
        {"podSelector": [1]},
        {**GOOD, "ingress": 5},
        {**GOOD, "ingress": [None]},
        {**GOOD, "policyTypes": ["Sideways"]},
        {**GOOD, "ingress": [{"from": [{"ipBlock": {"cidr": "all"}}]}]},
        {**GOOD, "ingress": [{"ports": [{"port": 0}]}]},
        {**GOOD, "fromTheFuture": True},
    ],
)
def test_a_policy_of_another_shape_is_not_read(spec: Any) -> None:
    assert built(spec) == (0, 1)


@pytest.mark.parametrize("spec", [GOOD, None, {"podSelector": {}, "egress": None}])
def test_any_other_is(spec: Any) -> None:
    assert built(spec) == (1, 0)
