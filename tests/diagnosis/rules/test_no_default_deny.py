"""Namespaces that are not closed where others are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

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
