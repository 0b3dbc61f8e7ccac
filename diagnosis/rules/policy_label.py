"""A namespaceSelector of a NetworkPolicy matches no namespace.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.events import PodRow
from collectors.findings import Evidence, Finding, Severity
from collectors.frozen import frozen
from diagnosis.edit_distance import misspelt
from diagnosis.reachability import selectors
from diagnosis.reachability.policy_model import Policy
from diagnosis.rule import Rule
from diagnosis.rules._policies import PolicyContext, policy_context, verdicts
from diagnosis.rules._services import pods_behind
from diagnosis.snapshot import Conversation, Snapshot
from diagnosis.subjects import policy_subject

SPELT = 5  # letters from which one or two that differ are a mistake, a convention: not v1, v2
RULE = Rule(
    id="policy_label",
    title="A NetworkPolicy admits namespaces by a label that no namespace has",
    scope="policy",
    stage="cause",
    inputs=("NetworkPolicies", "namespaces"),
    symptoms=("connect", "timeout"),
    screen="policy",
    criterion="a selector that matches nothing",
    false_friends=("a namespace with that label is made later, on purpose",),
    confidence="certain",
    fix_kind="shell",
    verify="the namespaces that are meant match the selector",
)


@frozen
class NamespacePeer:
    """A peer of a policy's rule that selects namespaces, as the rule has it."""

    policy: Policy
    side: str  # ingress, egress
    index: int
    selector: dict[str, object]


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    context = policy_context(snapshot)
    if snapshot.blind.at("namespaces"):
        return
    for policy in context.policies:
        for peer in _namespace_peers(policy):
            if not _matches_any(peer, context):
                yield _finding(snapshot, peer, context)


def _severity(snapshot: Snapshot, peer: NamespacePeer, context: PolicyContext) -> Severity:
    """Charts admit namespaces that are not in every cluster, as that of a monitoring: it matters
    where something fails, or a label is misspelt."""
    if _is_felt(snapshot, peer):
        return "critical"
    return "warning" if _is_misspelt(peer, context) else "info"


def _is_felt(snapshot: Snapshot, peer: NamespacePeer) -> bool:
    """Whether connections fail that policies deny, of pods that this one selects."""
    selects = selectors.compiled(peer.policy.spec.get("podSelector") or {})
    return any(
        pod.namespace == peer.policy.namespace and selects(dict(pod.labels))
        for talk in snapshot.conversations
        if (talk.unanswered or talk.rejected) and _may_be_denied(snapshot, talk)
        for pod in _pods_of(snapshot, talk, peer.side)
    )


def _may_be_denied(snapshot: Snapshot, talk: Conversation) -> bool:
    """Of what is outside nothing is known, of pods what all policies together say."""
    client = snapshot.by_address.get(talk.client)
    if client is None:
        return True
    said = list(verdicts(snapshot, policy_context(snapshot), client, talk))
    return not said or any(one.verdict.denied for one in said)


def _pods_of(snapshot: Snapshot, talk: Conversation, side: str) -> list[PodRow]:
    if side == "ingress":
        behind = pods_behind(snapshot, talk.server, talk.port, talk.protocol)
        return [pod for pod, _ in behind]
    client = snapshot.by_address.get(talk.client)
    return [client] if client else []


def _is_misspelt(peer: NamespacePeer, context: PolicyContext) -> bool:
    labels = peer.selector.get("matchLabels")
    for key, value in labels.items() if isinstance(labels, dict) else ():
        values = {own.get(key, "") for own in context.namespaces.values()} - {"", value}
        if len(str(value)) >= SPELT and misspelt(str(value), values):
            return True
    return False


def _matches_any(peer: NamespacePeer, context: PolicyContext) -> bool:
    return any(map(selectors.compiled(peer.selector), context.namespaces.values()))


def _namespace_peers(policy: Policy) -> Iterator[NamespacePeer]:
    for side, peers in (("ingress", "from"), ("egress", "to")):
        for index, rule in enumerate(policy.spec.get(side) or ()):
            for peer in (rule or {}).get(peers) or ():
                if selector := peer.get("namespaceSelector"):
                    yield NamespacePeer(policy, side, index, selector)


def _finding(snapshot: Snapshot, peer: NamespacePeer, context: PolicyContext) -> Finding:
    policy, text = peer.policy, selectors.text(peer.selector)
    return RULE.finding(
        subject=policy_subject(policy.key, f"{peer.side} {peer.index}"),
        title=f"The policy lets in namespaces with {text}; no namespace has that"
        if peer.side == "ingress"
        else f"The policy lets out to namespaces with {text}; none has that",
        severity=_severity(snapshot, peer, context),
        evidence=_evidence(snapshot, peer, len(context.namespaces), text),
        fix=f"kubectl label namespace {policy.namespace} {text.replace(',', ' ')}  # if that one "
        f"is meant; or correct the selector: kubectl -n {policy.namespace} edit networkpolicy "
        f"{policy.name}",
    )


def _evidence(
    snapshot: Snapshot, peer: NamespacePeer, compared: int, text: str
) -> Iterator[Evidence]:
    rule = f"rule {peer.index} of {peer.side}: namespaceSelector {text}"
    yield snapshot.fact(rule, f"NetworkPolicy {peer.policy.key}")
    yield snapshot.fact(f"labels of {compared} namespaces were compared", "namespaces")
