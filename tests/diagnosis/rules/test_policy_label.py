"""Namespaces by a label that none has: a mistake, or a chart's."""

from __future__ import annotations

from typing import Any

import pytest

from collectors.events import NamespaceRow
from collectors.findings import Finding
from tests.support.policy_snapshots import SPACES, policy, policy_snapshot
from tests.support.rules import finder
from tests.support.snapshots import API, pod, talk

evaluate = finder("policy_label")
LOST = pod(conversations=(talk(unanswered=9, answered=0),))


def by(labels: dict[str, str], side: str = "ingress") -> dict[str, Any]:
    peer = {"namespaceSelector": {"matchLabels": labels}}
    rule = {"from": [peer]} if side == "ingress" else {"to": [peer]}
    return {"podSelector": {"matchLabels": {"app": "api"}}, side: [rule]}


def found(labels: dict[str, str], **more: Any) -> Finding | None:
    rows = evaluate(policy_snapshot(policy("p", by(labels)), **more))
    return rows[0] if rows else None


def test_connections_fail_of_the_pods_that_it_selects() -> None:
    finding = found({"team": "x"}, target=LOST)
    assert finding is not None and finding.severity == "critical"
    assert "namespaces with team=x; no namespace has that" in finding.title


def test_a_label_that_is_misspelt() -> None:
    spaces = (NamespaceRow("shop", labels=(("team", "storefront"),)), *SPACES[1:])
    finding = found({"team": "storefrnt"}, namespaces=spaces)
    assert finding is not None and finding.severity == "warning"


def test_two_short_values_are_two_values() -> None:
    spaces = (NamespaceRow("shop", labels=(("env", "v1"),)), *SPACES[1:])
    finding = found({"env": "v2"}, namespaces=spaces)
    assert finding is not None and finding.severity == "info"


def test_a_chart_admits_a_monitoring_that_this_cluster_has_not() -> None:
    finding = found({"purpose": "monitoring"})
    assert finding is not None and finding.severity == "info"


def test_what_fails_of_other_pods() -> None:
    elsewhere = pod(conversations=(talk(unanswered=9, answered=0, refused=0),))
    other = policy("p", {**by({"team": "x"}), "podSelector": {"matchLabels": {"app": "db"}}})
    (finding,) = evaluate(policy_snapshot(other, target=elsewhere))
    assert finding.severity == "info"
    leaving = policy("p", by({"team": "x"}, "egress"))
    (finding,) = evaluate(policy_snapshot(leaving, target=LOST))
    assert finding.severity == "info" and API.labels == (("app", "api"),)


@pytest.mark.alike
def test_a_label_that_a_namespace_has_and_all_namespaces() -> None:
    assert found({"kubernetes.io/metadata.name": "bank"}) is None
    everything: dict[str, Any] = {
        "podSelector": {},
        "ingress": [{"from": [{"namespaceSelector": {}}]}],
    }
    assert not evaluate(policy_snapshot(policy("p", everything)))


def test_clients_fail_that_another_rule_admits() -> None:
    """A queue that is full, perhaps: not this label."""
    spec = by({"team": "monitoring"})
    spec["ingress"].append({"from": [{"podSelector": {}}]})
    (one,) = evaluate(policy_snapshot(policy("p", spec), target=LOST))
    assert one.severity == "info"
    (two,) = evaluate(policy_snapshot(policy("p", by({"team": "monitoring"})), target=LOST))
    assert two.severity == "critical"
