"""A policy that lets no DNS out."""

from __future__ import annotations

import yaml

from collectors.events import (
    PodRow,
)
from diagnosis.rules._policies import dns_decisions, policy_context
from tests.support.policy_snapshots import (
    DNS_POD,
    out,
    policy,
    policy_snapshot,
)
from tests.support.rules import finder
from tests.support.snapshots import POD

evaluate = finder("policy_cuts_dns")


def test_the_port_behind_the_dns_service_is_what_counts() -> None:
    """OpenShift's DNS pods listen on 5353: a policy for 53 lets nothing out (network-policy sees it after DNAT)."""
    moment = policy_snapshot(policy("p53", out((53, "UDP"), (53, "TCP"))))
    (found,) = (f for f in evaluate(moment) if f.rule == "policy_cuts_dns")
    assert any("listen on 5353" in e.text for e in found.evidence)
    (fix,) = yaml.safe_load_all(found.fix)
    assert {"port": 5353, "protocol": "UDP"} in fix["spec"]["egress"][0]["ports"]
    assert fix["spec"]["podSelector"] == {"matchLabels": {"app": "web"}}


def test_pods_with_equal_labels_are_one_case() -> None:
    """Thousands of replicas cost no more than one of them."""
    many = tuple(
        PodRow(
            "shop",
            f"web-{n}",
            "u",
            "n1",
            f"10.1.{n // 250}.{n % 250}",
            "Running",
            "1/1",
            0,
            0.0,
            labels=POD.labels,
        )
        for n in range(500)
    )
    moment = policy_snapshot(policy("none", out((1, "UDP"))), pods=(*many, DNS_POD))
    cases = list(dns_decisions(moment, policy_context(moment)))
    assert [len(case.pods) for case in cases] == [500]
