"""A NetworkPolicy lets DNS out over UDP and not over TCP: answers that are large, and so truncated,
never resolve.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Finding
from diagnosis.rule import Rule
from diagnosis.rules._policies import PolicyContext, allow_dns, dns_decisions, policy_context
from diagnosis.rules._services import asked_dns_pods
from diagnosis.snapshot import Snapshot, listed
from diagnosis.subjects import policy_subject

RULE = Rule(
    id="policy_cuts_dns_tcp",
    title="A NetworkPolicy lets DNS out over UDP and not over TCP",
    scope="policy",
    stage="cause",
    inputs=("NetworkPolicies", "namespaces", "pods", "Services", "DNS"),
    symptoms=("name",),
    screen="policy",
    criterion="an answer that does not fit into a datagram is asked for again over TCP (RFC 7766)",
    false_friends=("no answer is ever truncated",),
    confidence="certain",
    fix_kind="yaml",
    verify="dig +tcp in such a pod is answered",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    context = policy_context(snapshot)
    for key, pods in _cut(snapshot, context).items():
        yield _finding(snapshot, context, key, pods)


def _cut(snapshot: Snapshot, context: PolicyContext) -> dict[str, list[str]]:
    """The pods that cannot ask over TCP, by the key of the policy that decides."""
    cut: dict[str, list[str]] = {}
    for decisions in dns_decisions(snapshot, context):
        over_udp = any(one.allowed for one in decisions.udp)
        if over_udp and all(one.denied for one in decisions.tcp):
            cut.setdefault(decisions.tcp[0].policy, []).extend(decisions.names)
    return cut


def _truncated(snapshot: Snapshot) -> int:
    """DNS answers that did not fit, seen from anywhere."""
    return sum(view.lookups.truncated for view in snapshot.targets if view.lookups is not None)


def _finding(snapshot: Snapshot, context: PolicyContext, key: str, pods: list[str]) -> Finding:
    service, server, port = next(asked_dns_pods(snapshot))
    truncated = _truncated(snapshot)
    evidence = [
        snapshot.fact(
            f"UDP {port} to {service.namespace}/{service.name} is allowed, TCP {port} by no rule",
            f"NetworkPolicy {key}",
        ),
        snapshot.fact(f"pods: {listed(pods)}", "pods, policies"),
    ]
    if truncated:
        evidence.append(snapshot.fact(f"{truncated} truncated answers", "capture, port 53"))
    return RULE.finding(
        subject=policy_subject(key),
        severity="critical" if truncated else "warning",
        title=f"The policy lets DNS out over UDP and not over TCP: {listed(pods, 2)}",
        evidence=evidence,
        fix=allow_dns(context.policy(key), server, service.selector, (port,), ("TCP",)),
    )
