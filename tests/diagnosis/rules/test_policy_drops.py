"""Connections that a policy drops, and those that fail beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from collectors.events import PolicyRow
from collectors.findings import Finding
from diagnosis import rules
from diagnosis.snapshot import Conversation
from tests.support.policy_snapshots import policy, policy_snapshot
from tests.support.rules import finder
from tests.support.service_snapshots import SLICE, WEB
from tests.support.snapshots import pod, talk

evaluate = finder("policy_drops")
DENY = policy("deny", {"podSelector": {"matchLabels": {"app": "api"}}, "policyTypes": ["Ingress"]})
ADMIT = policy("admit", {"podSelector": {"matchLabels": {"app": "api"}}, "ingress": [{}]})
LOST = talk(unanswered=9, answered=0)


def drops(seen: Conversation = LOST, *rows: PolicyRow, **more: Any) -> list[Finding]:
    known = policy_snapshot(*(rows or (DENY,)), target=pod(conversations=(seen,)), **more)
    return evaluate(known)


def test_nothing_is_answered_that_a_policy_denies() -> None:
    (finding,) = drops()
    assert "shop/web → shop/api:8080" in finding.title
    assert "9 connections without an answer" in finding.evidence[0].text
    assert finding.fix_kind == "yaml" and "policies add up" in finding.fix


@pytest.mark.alike
def test_what_another_policy_admits() -> None:
    assert not drops(LOST, DENY, ADMIT)


def test_pods_that_the_policy_does_not_select() -> None:
    other = policy(
        "deny", {"podSelector": {"matchLabels": {"app": "x"}}, "policyTypes": ["Ingress"]}
    )
    assert not drops(LOST, other)
    assert not drops(LOST, replace(DENY, namespace="bank"))


def test_most_are_answered_so_nothing_enforces_it() -> None:
    assert not drops(talk(unanswered=2, answered=98))


def test_connections_that_are_refused_reached_the_pod() -> None:
    assert not drops(talk(refused=9, answered=0))


def test_clients_from_outside_are_not_known_well_enough() -> None:
    assert not drops(replace(LOST, client="203.0.113.9"))


def test_rules_that_reject_instead_of_dropping() -> None:
    """As kube-router's do, k3s's own. What the pod itself rejects came to it."""
    rejected = talk(refused=9, rejected=9, answered=0, rejected_by="192.168.0.1")
    (finding,) = drops(rejected)
    assert "9 connections rejected on their path" in finding.evidence[0].text
    assert not drops(replace(rejected, rejected_by=rejected.server))
    known = policy_snapshot(DENY, target=pod(conversations=(rejected,)), services=())
    (whole,) = rules.findings(known)
    assert whole.rule == "policy_drops" and "rejected on the path" in whole.consequences[0]


def test_what_is_answered_long_after_the_policy_was_written() -> None:
    """Nothing enforces it: what drops some is something else."""
    some = talk(unanswered=9, answered=20, opened=95.0)
    assert not drops(some, replace(DENY, changed=10.0))
    assert drops(some, replace(DENY, changed=90.0))
    assert drops(replace(some, answered=0, opened=0.0), replace(DENY, changed=10.0))


@pytest.mark.alike
def test_a_scanner_is_kept_out_on_purpose() -> None:
    talks = [replace(LOST, port=port, unanswered=1) for port in range(9000, 9012)]
    known = policy_snapshot(DENY, target=pod(conversations=tuple(talks)), services=(WEB,))
    assert not evaluate(replace(known, slices=(SLICE,)))
