"""A policy whose podSelector selects no pod."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from collectors.events import (
    PolicyRow,
    ScaledRow,
)
from collectors.findings import Finding
from tests.support.policy_snapshots import (
    policy,
    policy_snapshot,
)
from tests.support.rules import finder
from tests.support.snapshots import POD

evaluate = finder("policy_selects_nothing")


def findings(*rows: PolicyRow, **more: Any) -> dict[str, Finding]:
    return {f.rule: f for f in evaluate(policy_snapshot(*rows, **more))}


def test_a_policy_that_selects_nothing() -> None:
    found = findings(policy("typo", {"podSelector": {"matchLabels": {"app": "wbe"}}}))[
        "policy_selects_nothing"
    ]
    assert found.severity == "warning"
    assert any("app=web" in e.text for e in found.evidence)
    assert (
        findings(policy("gone", {"podSelector": {"matchLabels": {"app": "zzzzz"}}}))[
            "policy_selects_nothing"
        ].severity
        == "info"
    )
    assert not findings(policy("empty", {"podSelector": {"matchLabels": {"app": "x"}}}, "bank")), (
        "a namespace without pods"
    )
    assert not findings(policy("good", {"podSelector": {"matchLabels": {"app": "web"}}}))


def test_versions_are_two_names() -> None:
    """One that waits for its pods is not misspelt."""
    rows = (replace(POD, labels=(("version", "v1"),)),)
    (one,) = findings(
        policy("next", {"podSelector": {"matchLabels": {"version": "v2"}}}), pods=rows
    ).values()
    assert one.severity == "info" and "v1" not in one.fix


@pytest.mark.alike
def test_a_workload_that_is_scaled_to_zero() -> None:
    batch = policy("batch", {"podSelector": {"matchLabels": {"app": "batch"}}})
    row = ScaledRow("shop", "batch", (("app", "batch"),))
    assert findings(batch)
    assert not findings(batch, scaled=(row,))
    assert findings(batch, scaled=(replace(row, namespace="bank"),))
