"""A namespaceSelector of a NetworkPolicy matches no namespace.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Evidence, Finding
from collectors.frozen import frozen
from diagnosis.reachability import selectors
from diagnosis.reachability.policy_model import Policy
from diagnosis.rule import Rule
from diagnosis.rules._policies import PolicyContext, policy_context
from diagnosis.snapshot import Snapshot
from diagnosis.subjects import policy_subject

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
    severity="critical",
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
                yield _finding(snapshot, peer, len(context.namespaces))


def _matches_any(peer: NamespacePeer, context: PolicyContext) -> bool:
    return any(map(selectors.compiled(peer.selector), context.namespaces.values()))


def _namespace_peers(policy: Policy) -> Iterator[NamespacePeer]:
    for side, peers in (("ingress", "from"), ("egress", "to")):
        for index, rule in enumerate(policy.spec.get(side) or ()):
            for peer in (rule or {}).get(peers) or ():
                if selector := peer.get("namespaceSelector"):
                    yield NamespacePeer(policy, side, index, selector)


def _finding(snapshot: Snapshot, peer: NamespacePeer, compared: int) -> Finding:
    policy, text = peer.policy, selectors.text(peer.selector)
    return RULE.finding(
        subject=policy_subject(policy.key, f"{peer.side} {peer.index}"),
        title=f"The policy lets in namespaces with {text}; no namespace has that"
        if peer.side == "ingress"
        else f"The policy lets out to namespaces with {text}; none has that",
        evidence=_evidence(snapshot, peer, compared, text),
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
