"""Connections get no answer because a NetworkPolicy does not admit them.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from collectors.events import PodRow
from collectors.findings import Evidence, Finding
from diagnosis.reachability import policy_proposal
from diagnosis.reachability.network_policy import KIND
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules._policies import PodVerdict, policy_context, verdicts
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
    criterion="SYNs without an answer where the policies allow nothing",
    thresholds=(SHARE,),
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


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    if snapshot.policies or snapshot.foreign_policies:
        for key, dropped in _dropped(snapshot).items():
            yield _finding(snapshot, dropped, key)


def _finding(snapshot: Snapshot, dropped: DroppedTraffic, key: str) -> Finding:
    return RULE.finding(
        subject=policy_subject(key),
        title=f"The policy drops connections: {listed(dropped.pairs, 2)}",
        evidence=_evidence(snapshot, dropped, key),
        fix=_fix(key, dropped),
        fix_kind="yaml" if dropped.kind == KIND else "text",
    )


def _evidence(snapshot: Snapshot, dropped: DroppedTraffic, key: str) -> Iterator[Evidence]:
    unanswered = f"{dropped.count} connections without an answer: {listed(dropped.pairs)}"
    yield snapshot.fact(unanswered, "capture")
    yield snapshot.fact(dropped.reason, f"{dropped.kind} {key}")


def _fix(key: str, dropped: DroppedTraffic) -> str:
    """What is denied by a policy of another API no NetworkPolicy allows again."""
    if dropped.kind != KIND:
        return f"if {dropped.pairs[0]} is to pass: {dropped.kind} {key} must allow it"
    head = f"# if {dropped.pairs[0]} is to pass: policies add up, so this stands beside {key}"
    return f"{head}\n{dropped.fix}"


def _dropped(snapshot: Snapshot) -> dict[str, DroppedTraffic]:
    """By the key of the policy that decides."""
    context = policy_context(snapshot)
    found: dict[str, DroppedTraffic] = {}
    for talk in snapshot.conversations:
        client = snapshot.by_address.get(talk.client)
        if client is None or talk.port == 53 or not _is_cut(talk):
            continue
        all_of = verdicts(snapshot, context, client, talk)
        denied = next((one for one in all_of if one.verdict.denied), None)
        if denied is not None:
            _add(found, snapshot, client, talk, denied)
    return found


def _is_cut(talk: Conversation) -> bool:
    """A policy drops each connection that is new: where most are answered something else does."""
    return talk.unanswered > 0 and SHARE.value * talk.answered <= 100 * talk.unanswered


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
    dropped.count += talk.unanswered
