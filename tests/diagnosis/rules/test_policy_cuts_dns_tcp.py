"""DNS over UDP is let out and over TCP is not."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from collectors.events import (
    PolicyRow,
)
from collectors.findings import Finding
from tests.support.policy_snapshots import (
    out,
    policy,
    policy_snapshot,
)
from tests.support.rules import finder

evaluate = finder("policy_cuts_dns_tcp")


def findings(*rows: PolicyRow, **more: Any) -> dict[str, Finding]:
    return {f.rule: f for f in evaluate(policy_snapshot(*rows, **more))}


def test_dns_over_tcp_is_forgotten() -> None:
    found = findings(policy("udp", out((5353, "UDP"))))["policy_cuts_dns_tcp"]
    (fix,) = yaml.safe_load_all(found.fix)
    assert fix["spec"]["podSelector"] == {"matchLabels": {"app": "web"}}, "it isolates nobody else"
    assert fix["spec"]["egress"][0]["ports"] == [{"port": 5353, "protocol": "TCP"}]


@pytest.mark.alike
@pytest.mark.parametrize(
    "spec",
    [
        out((5353, "UDP"), (5353, "TCP")),
        {**out(), "egress": [{}]},
        {**out((5353, "UDP")), "policyTypes": ["Ingress"]},
        out((443, "TCP")),  # no DNS at all: another finding
    ],
)
def test_dns_over_tcp_passes_or_none_does(spec: dict[str, Any]) -> None:
    assert not findings(policy("p", spec))


@pytest.mark.alike
def test_another_policy_lets_it_out() -> None:
    assert not findings(policy("udp", out((5353, "UDP"))), policy("tcp", out((5353, "TCP"))))
