"""Traffic that a policy denies passes."""

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
from tests.support.snapshots import API, POD, pod, talk

evaluate = finder("policy_not_enforced")


def findings(*rows: PolicyRow, **more: Any) -> dict[str, Finding]:
    return {f.rule: f for f in evaluate(policy_snapshot(*rows, **more))}


def test_traffic_that_a_policy_denies_and_that_passes() -> None:
    deny = {"podSelector": {"matchLabels": {"app": "api"}}, "policyTypes": ["Ingress"]}
    passing = pod(conversations=(talk(answered=9, opened=90.0),))
    assert "policy_not_enforced" in findings(policy("deny", deny, changed=10.0), target=passing)
    assert "policy_not_enforced" not in findings(
        policy("deny", deny, changed=85.0), target=passing
    ), "it was changed just now"
    silent = pod(conversations=(talk(answered=0, unanswered=9),))
    assert "policy_not_enforced" not in findings(policy("deny", deny, changed=10.0), target=silent)


@pytest.mark.alike
def test_pods_that_are_so_new_that_others_had_their_addresses() -> None:
    deny = policy(
        "deny", {"podSelector": {"matchLabels": {"app": "api"}}, "policyTypes": ["Ingress"]}
    )
    seen = pod(conversations=(talk(opened=95.0),))
    rows = policy_snapshot(replace(deny, changed=10.0), target=seen)
    assert evaluate(rows)
    for new in (POD, API):
        pods = tuple(replace(one, created=90.0) if one == new else one for one in rows.pods)
        assert not evaluate(replace(rows, pods=pods))


def test_the_evidence_says_where_it_was_captured_and_the_subject_that_it_is_a_policy() -> None:
    deny = policy(
        "deny", {"podSelector": {"matchLabels": {"app": "api"}}, "policyTypes": ["Ingress"]}
    )
    passing = pod(conversations=(talk(answered=9, opened=90.0),))
    (finding,) = evaluate(policy_snapshot(replace(deny, changed=10.0), target=passing))
    seen, written = finding.evidence
    assert seen.scope == f"{passing.scope} {passing.name}" and not written.scope
    assert finding.subject.text == "policy/shop/deny"
