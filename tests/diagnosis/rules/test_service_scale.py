"""iptables with thousands of Services."""

from __future__ import annotations

import pytest

from collectors.events import (
    RuleCount,
)
from tests.support.network_snapshots import (
    counted,
    network_snapshot,
    only,
    services,
    settings,
)
from tests.support.rules import finder

evaluate = finder("service_scale")


def test_iptables_at_thousands_of_services() -> None:
    mode = settings("kube-proxy", mode="iptables")
    assert not list(evaluate(network_snapshot(mode, services=services(400))))
    assert (
        only(
            list(evaluate(network_snapshot(mode, services=services(1_200)))), "service_scale"
        ).severity
        == "info"
    )
    view = counted(RuleCount("iptables-nft", 61_000, 6_000, 2.4))
    found = only(
        list(evaluate(network_snapshot(mode, services=services(6_000), view=view))),
        "service_scale",
    )
    assert found.severity == "warning"
    assert any("61,000 rules" in e.text and "2.4 s" in e.text for e in found.evidence)
    for other in ("nftables", "ipvs"):
        assert not list(
            evaluate(network_snapshot(settings("kube-proxy", mode=other), services=services(6_000)))
        )
    assert not list(evaluate(network_snapshot(services=services(6_000)))), (
        "nobody said how Services are made"
    )


def test_rules_that_kube_proxy_left_behind_cilium() -> None:
    view = counted(RuleCount("iptables-nft", 20_000, 2_000, 0.5))
    for value, is_said in (("true", False), ("strict", False), ("false", True)):
        row = settings("cilium", **{"kube-proxy-replacement": value})
        assert bool(evaluate(network_snapshot(row, view=view))) is is_said


@pytest.mark.alike
def test_a_slow_node_with_few_services() -> None:
    few = counted(RuleCount("iptables-nft", 400, 40, 3.1))
    assert not evaluate(network_snapshot(view=few))
    many = counted(RuleCount("iptables-nft", 9_000, 1_100, 3.1))
    assert only(evaluate(network_snapshot(view=many)), "service_scale").severity == "warning"
