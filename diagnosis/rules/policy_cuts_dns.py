"""A NetworkPolicy isolates pods for egress and forgets DNS.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Evidence, Finding
from diagnosis.reachability.parties import Party
from diagnosis.reachability.policy_model import Policy
from diagnosis.rule import Rule
from diagnosis.rules._policies import PolicyContext, allow_dns, dns_decisions, policy_context
from diagnosis.rules._services import asked_dns_pods
from diagnosis.snapshot import Snapshot, listed
from diagnosis.subjects import policy_subject

RULE = Rule(
    id="policy_cuts_dns",
    title="A NetworkPolicy isolates pods for egress and lets no DNS out",
    scope="policy",
    stage="cause",
    inputs=("NetworkPolicies", "namespaces", "pods", "Services", "DNS"),
    symptoms=("name", "connect", "timeout"),
    screen="policy",
    criterion="no rule for port 53 to the DNS pods",
    false_friends=("the pods ask another server that is allowed",),
    severity="critical",
    confidence="certain",
    fix_kind="yaml",
    verify="getent hosts kubernetes.default in such a pod answers",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    context = policy_context(snapshot)
    cut: dict[str, list[str]] = {}
    reasons: dict[str, str] = {}
    for decisions in dns_decisions(snapshot, context):
        first = decisions.udp[0]
        if all(one.denied for one in decisions.udp):
            cut.setdefault(first.policy, []).extend(decisions.names)
            reasons[first.policy] = first.reason
    for key, pods in cut.items():
        yield _finding(snapshot, context, key, pods, reasons[key])


def _finding(
    snapshot: Snapshot, context: PolicyContext, key: str, pods: list[str], reason: str
) -> Finding:
    policy = context.policy(key)
    service, server, port = next(asked_dns_pods(snapshot))
    return RULE.finding(
        subject=policy_subject(key),
        title=f"The policy isolates pods for egress and lets no DNS out: {listed(pods, 2)}",
        evidence=(
            snapshot.fact(reason, f"NetworkPolicy {key}"),
            snapshot.fact(f"pods that cannot ask: {listed(pods)}", "pods, policies"),
            *_wrong_port(snapshot, policy, port),
            *_unanswered(snapshot),
        ),
        fix=allow_dns(policy, server, service.selector, (port, 53), ("UDP", "TCP")),
    )


def _wrong_port(snapshot: Snapshot, policy: Policy, port: int) -> Iterator[Evidence]:
    """Port 53 is admitted, and the DNS pods listen on another."""
    rules, anybody = policy.rules.get("egress", ()), Party("")
    if port != 53 and any(rule.match_ports(53, "UDP", anybody) is True for rule in rules):
        text = (
            f"a rule names port 53, but the DNS pods listen on {port}: policies see packets "
            "after the Service's translation"
        )
        yield snapshot.fact(text, f"NetworkPolicy {policy.key}")


def _unanswered(snapshot: Snapshot) -> Iterator[Evidence]:
    count = sum(view.lookups.unanswered for view in snapshot.targets if view.lookups is not None)
    if count:
        yield snapshot.fact(f"{count} DNS queries without an answer", "capture, port 53")
