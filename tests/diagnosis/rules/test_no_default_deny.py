"""Namespaces that are not closed where others are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from collectors.events import (
    PolicyRow,
)
from collectors.findings import Finding
from tests.support.policy_snapshots import (
    policy,
    policy_snapshot,
)
from tests.support.rules import finder
from tests.support.snapshots import API, POD

evaluate = finder("no_default_deny")


def findings(*rows: PolicyRow, **more: Any) -> dict[str, Finding]:
    return {f.rule: f for f in evaluate(policy_snapshot(*rows, **more))}


def test_namespaces_without_a_default_deny() -> None:
    deny = {"podSelector": {}, "policyTypes": ["Ingress"]}
    other = replace(API, namespace="bank", name="vault-1", ip="10.2.0.7")
    found = findings(policy("deny", deny, "bank"), pods=(POD, other))["no_default_deny"]
    assert found.severity == "info"
    assert "shop" in found.title
    assert not findings(
        policy("allow", {"podSelector": {}, "ingress": [{}]}, "bank"), pods=(POD, other)
    ), "nobody denies"


@pytest.mark.alike
def test_pods_that_policies_isolate_and_admit_some() -> None:
    """Of the namespace's own, or each app by a policy of its own."""
    deny = policy("deny", {"podSelector": {}, "policyTypes": ["Ingress"]})
    there = replace(API, namespace="bank", name="b", uid="b1", ip="10.2.0.44")
    pods = (POD, API, there)
    own: dict[str, Any] = {"podSelector": {}, "ingress": [{"from": [{"podSelector": {}}]}]}
    app = {"podSelector": {"matchLabels": {"app": "api"}}, "ingress": [{}]}
    assert findings(deny, pods=pods)
    for spec in (own, app):
        assert not findings(deny, policy("p", spec, "bank"), pods=pods)
    other = {"podSelector": {"matchLabels": {"app": "web"}}}
    assert findings(deny, policy("p", other, "bank"), pods=pods)
    assert not findings(deny, pods=(POD, API, replace(there, ended=True)))
