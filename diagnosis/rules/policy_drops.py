"""Connections get no answer because a NetworkPolicy does not admit them.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from collectors.events import PodRow
from collectors.findings import Evidence, Finding
from diagnosis.per_snapshot import once_per_snapshot
from diagnosis.reachability import policy_proposal
from diagnosis.reachability.network_policy import KIND
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules._policies import PodVerdict, policy_context, verdicts
from diagnosis.rules._probers import SCANNED, not_of_scanners
from diagnosis.rules.policy_not_enforced import ENFORCED
from diagnosis.snapshot import Conversation, Snapshot, listed
from diagnosis.subjects import policy_subject

SHARE = Threshold("from", 20, "unanswered for 100 answered", CONVENTION)
RULE = Rule(
    id="policy_drops",
    title="A NetworkPolicy drops connections",
    scope="policy",
    stage="cause",
    inputs=("capture", "NetworkPolicies", "namespaces", "pods", "Services"),
    symptoms=("connect", "timeout"),
    screen="policy",
    criterion="SYNs without an answer, or rejected on their path, where the policies allow nothing",
    thresholds=(SHARE, SCANNED),
    false_friends=("the SYN reaches the server's pod, or a RST comes back",),
    severity="critical",
    confidence="certain",
    verify="the connection is made",
)


@dataclass(slots=True)
class DroppedTraffic:
    """What one policy drops, as far as was seen."""

    reason: str
    fix: str
    kind: str
    pairs: list[str] = field(default_factory=list)
    count: int = 0
    rejected_ends: set[tuple[str, str, int]] = field(default_factory=set)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for key, dropped in _dropped(snapshot).items():
        yield _finding(snapshot, dropped, key)


def explains(snapshot: Snapshot, finding: Finding, talk: Conversation) -> bool:
    """What it rejects."""
    return talk.rejected > 0 and any(
        policy_subject(key) == finding.subject
        and (talk.client, talk.server, talk.port) in dropped.rejected_ends
        for key, dropped in _dropped(snapshot).items()
    )


def _finding(snapshot: Snapshot, dropped: DroppedTraffic, key: str) -> Finding:
    return RULE.finding(
        subject=policy_subject(key),
        title=f"The policy drops connections: {listed(dropped.pairs, 2)}",
        evidence=_evidence(snapshot, dropped, key),
        fix=_fix(key, dropped),
        fix_kind="yaml" if dropped.kind == KIND else "text",
    )


def _evidence(snapshot: Snapshot, dropped: DroppedTraffic, key: str) -> Iterator[Evidence]:
    what = "rejected on their path" if dropped.rejected_ends else "without an answer"
    yield snapshot.fact(f"{dropped.count} connections {what}: {listed(dropped.pairs)}", "capture")
    yield snapshot.fact(dropped.reason, f"{dropped.kind} {key}")


def _fix(key: str, dropped: DroppedTraffic) -> str:
    """What is denied by a policy of another API no NetworkPolicy allows again."""
    if dropped.kind != KIND:
        return f"if {dropped.pairs[0]} is to pass: {dropped.kind} {key} must allow it"
    head = f"# if {dropped.pairs[0]} is to pass: policies add up, so this stands beside {key}"
    return f"{head}\n{dropped.fix}"


@once_per_snapshot
def _dropped(snapshot: Snapshot) -> dict[str, DroppedTraffic]:
    """By the key of the policy that decides."""
    if not (snapshot.policies or snapshot.foreign_policies):
        return {}
    context = policy_context(snapshot)
    found: dict[str, DroppedTraffic] = {}
    changed = {f"{row.namespace}/{row.name}": row.changed for row in snapshot.policies}
    for talk in not_of_scanners(snapshot, snapshot.conversations):
        client = snapshot.by_address.get(talk.client)
        if client is None or talk.port == 53 or not _is_cut(talk):
            continue
        all_of = list(verdicts(snapshot, context, client, talk))
        denied = next((one for one in all_of if one.verdict.denied), None)
        if denied is None:
            continue
        since = changed.get(denied.verdict.decided_by.policy, 0.0)
        if not (since and _passes(talk, since, all_of)):
            _add(found, snapshot, client, talk, denied)
    return found


def _cut(talk: Conversation) -> int:
    """Dropped, or rejected by an ICMP error of another than the server, as kube-router's rules do
    (k3s)."""
    is_on_its_path = talk.rejected_by != talk.server
    return talk.unanswered + (talk.rejected if is_on_its_path else 0)


def _is_cut(talk: Conversation) -> bool:
    """A policy drops each connection that is new: where most are answered something else does."""
    cut = _cut(talk)
    return cut > 0 and SHARE.value * talk.answered <= 100 * cut


def _passes(talk: Conversation, since: float, all_of: list[PodVerdict]) -> bool:
    """Whether others of them are answered though each endpoint is denied, long after the policy was
    written: nothing enforces it, and something else drops."""
    is_later = talk.opened - since > ENFORCED.value
    return is_later and all(one.verdict.denied for one in all_of)


def _add(
    found: dict[str, DroppedTraffic],
    snapshot: Snapshot,
    client: PodRow,
    talk: Conversation,
    denied: PodVerdict,
) -> None:
    decision, port = denied.verdict.decided_by, (denied.port, talk.protocol)
    fix = policy_proposal.admit(decision.side, client, denied.server, [port])
    dropped = found.setdefault(
        decision.policy, DroppedTraffic(decision.reason, fix, decision.kind or KIND)
    )
    dropped.pairs.append(
        f"{snapshot.workload(talk.client)} → {snapshot.workload(talk.server)}:{talk.port}"
    )
    dropped.count += _cut(talk)
    if talk.rejected:
        dropped.rejected_ends.add((talk.client, talk.server, talk.port))
