"""A policy that lets no DNS out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from collectors.events import (
    NetworkState,
    PodRow,
)
from diagnosis.rules._policies import dns_decisions, policy_context
from tests.support.policy_snapshots import (
    DNS,
    DNS_POD,
    out,
    policy,
    policy_snapshot,
)
from tests.support.rules import finder
from tests.support.snapshots import POD, pod

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


@pytest.mark.parametrize(
    "other",
    [
        {"dns_policy": "None", "nameservers": ("8.8.8.8",)},
        {"dns_policy": "Default"},  # the node's resolver
        {"ended": True, "phase": "Succeeded"},
    ],
)
@pytest.mark.alike
def test_pods_that_do_not_ask_the_cluster_s_dns(other: dict[str, Any]) -> None:
    rows = policy_snapshot(policy("web", out((443, "TCP"))), pods=(POD, DNS_POD))
    assert evaluate(rows)
    assert not evaluate(replace(rows, pods=(replace(POD, **other), DNS_POD)))


def test_a_cache_on_the_node_is_what_pods_ask() -> None:
    """NodeLocal DNSCache, by the resolver of a pod that is open."""
    for server, is_cut in (("169.254.20.10", False), ("10.96.0.10", True)):
        state = NetworkState(100.0, "pod/shop/web-1", nameservers=(server,))
        rows = policy_snapshot(policy("web", out((443, "TCP"))), target=pod(network=state))
        assert bool(evaluate(rows)) is is_cut


def test_another_dns_server_that_is_no_pod_s_resolver() -> None:
    hole = replace(DNS_POD, namespace="bank", name="hole", uid="u9", labels=(("app", "hole"),))
    service = replace(DNS, namespace="bank", name="hole", ips=("10.96.0.53",), selector=hole.labels)
    spec = out((5353, "UDP"), (5353, "TCP"))
    spec["egress"][0]["to"] = [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "bank"}}}
    ]
    rows = policy_snapshot(policy("web", spec), pods=(POD, hole, DNS_POD), services=(service, DNS))
    (finding,) = evaluate(rows)
    assert "shop/web-1" in finding.title
