"""Connections that NetworkPolicies deny are opened and answered all the same.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.events import PodRow
from collectors.findings import Evidence, Finding
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules._policies import PolicyContext, policy_context, verdicts
from diagnosis.snapshot import WINDOW_S, Conversation, Snapshot, listed
from diagnosis.subjects import policy_subject

ENFORCED = Threshold(
    "connections opened later than", 10, "s after the policy's last change", CONVENTION
)
FLOWS = Threshold("at least", 3, "connections answered in 15 s", CONVENTION)
FIX = (
    "Does anything enforce policies here? flannel and kindnet's older versions do not: add one "
    "that does (Calico, Cilium, kube-network-policies), or know that the policy changes nothing"
)
RULE = Rule(
    id="policy_not_enforced",
    title="Traffic that a NetworkPolicy denies passes",
    scope="policy",
    stage="cause",
    inputs=("capture", "NetworkPolicies", "namespaces", "pods", "Services"),
    symptoms=(),
    screen="flows",
    thresholds=(ENFORCED, FLOWS),
    false_friends=(
        "the connections are older than the policy, or come over the host's network",
        "another pod had the address a moment ago",
    ),
    fix=FIX,
    verify="the connections get no answer",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    if not snapshot.policies:
        return
    for key, talks in _passed(snapshot).items():
        yield _finding(snapshot, key, talks)


def _passed(snapshot: Snapshot) -> dict[str, list[Conversation]]:
    """What was answered though it is denied, by the key of the policy that denies it."""
    context = policy_context(snapshot)
    changed = {f"{row.namespace}/{row.name}": row.changed for row in snapshot.policies}
    passed: dict[str, list[Conversation]] = {}
    for talk in snapshot.conversations:
        key = _denied_by(snapshot, context, talk)
        since = changed.get(key, 0.0)
        if since and talk.opened - since > ENFORCED.value:
            passed.setdefault(key, []).append(talk)
    return passed


def _denied_by(snapshot: Snapshot, context: PolicyContext, talk: Conversation) -> str:
    """The key of the policy that denies what was answered; '' where none does."""
    client = snapshot.by_address.get(talk.client)
    if client is None or talk.answered < FLOWS.value or not talk.opened:
        return ""
    said = list(verdicts(snapshot, context, client, talk))
    if not said or not all(one.verdict.denied for one in said):
        return ""
    if _are_new(snapshot, [client, *(one.server for one in said)]):
        return ""
    return said[0].verdict.decided_by.policy


def _are_new(snapshot: Snapshot, pods: list[PodRow]) -> bool:
    """Whether one of them is so new that another had its address in these seconds."""
    return any(pod.created > 0 and snapshot.at - pod.created < WINDOW_S for pod in pods)


def _finding(snapshot: Snapshot, key: str, talks: list[Conversation]) -> Finding:
    pairs = [_pair(snapshot, talk) for talk in talks]
    return RULE.finding(
        subject=policy_subject(key),
        title=f"Traffic that the policy denies passes: {listed(pairs, 2)}",
        evidence=_evidence(snapshot, key, talks, pairs),
    )


def _pair(snapshot: Snapshot, talk: Conversation) -> str:
    return f"{snapshot.workload(talk.client)} → {snapshot.workload(talk.server)}:{talk.port}"


def _evidence(
    snapshot: Snapshot, key: str, talks: list[Conversation], pairs: list[str]
) -> Iterator[Evidence]:
    answered = sum(talk.answered for talk in talks)
    yield snapshot.fact(f"{answered} connections were answered: {listed(pairs)}", "capture")
    yield snapshot.fact("no rule allows them", f"NetworkPolicy {key}")
