"""A NetworkPolicy selects no pod, mostly by a typing error.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from collectors.events import PodRow, ScaledRow
from collectors.findings import Finding
from diagnosis.edit_distance import misspelt
from diagnosis.reachability import selectors
from diagnosis.reachability.policy_model import Policy
from diagnosis.rule import Rule
from diagnosis.rules._policies import policy_context
from diagnosis.snapshot import Snapshot
from diagnosis.subjects import policy_subject

RULE = Rule(
    id="policy_selects_nothing",
    title="A NetworkPolicy selects no pod",
    scope="policy",
    stage="cause",
    inputs=("NetworkPolicies", "pods"),
    symptoms=("connect", "timeout"),
    screen="policy",
    criterion="a selector that matches nothing",
    false_friends=("its pods are scaled to zero, or come later",),
    fix="kubectl -n {namespace} edit networkpolicy {name}  # spec.podSelector{hint}",
    fix_kind="shell",
    verify="kubectl -n {namespace} get pods -l '{text}' lists those that are meant",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for policy in policy_context(snapshot).policies:
        if not snapshot.blind.at("pods", policy.namespace):
            yield from _of_policy(snapshot, policy)


def _of_policy(snapshot: Snapshot, policy: Policy) -> Iterator[Finding]:
    pods = [pod for pod in snapshot.pods if pod.namespace == policy.namespace]
    scaled = [row for row in snapshot.scaled if row.namespace == policy.namespace]
    if pods and not _selects_any(policy, [*pods, *scaled]):
        yield _finding(snapshot, policy, pods)


def _selects_any(policy: Policy, rows: Iterable[PodRow | ScaledRow]) -> bool:
    """Of pods, and of workloads that are scaled to zero."""
    selected = selectors.compiled(policy.spec.get("podSelector") or {})
    return any(selected(dict(row.labels)) for row in rows)


def _finding(snapshot: Snapshot, policy: Policy, pods: list[PodRow]) -> Finding:
    wanted = policy.spec.get("podSelector") or {}
    text, meant = selectors.text(wanted), _meant(wanted.get("matchLabels") or {}, pods)
    compared = f"podSelector {text}; {len(pods)} pods were compared"
    evidence = [snapshot.fact(compared, f"NetworkPolicy {policy.key}")]
    hint = ""
    if meant:
        source = f"pods of {policy.namespace}"
        evidence.append(snapshot.fact(f"there are pods labelled {meant}", source))
        hint = f": {meant} is what pods have"
    return RULE.finding(
        subject=policy_subject(policy.key),
        severity="warning" if meant else "info",
        title=f"The policy selects no pod: none of {policy.namespace} has {text}",
        evidence=evidence,
        confidence="certain" if meant else "likely",
        namespace=policy.namespace,
        name=policy.name,
        hint=hint,
        text=text,
    )


def _meant(labels: object, pods: list[PodRow]) -> str:
    """A label of a pod that differs from a wanted one by a letter or two."""
    for key, value in labels.items() if isinstance(labels, dict) else ():
        if alike := misspelt(str(value), _values(pods, key) - {"", value}):
            return f"{key}={alike}"
    return ""


def _values(pods: list[PodRow], key: str) -> set[str]:
    return {dict(pod.labels).get(key, "") for pod in pods}
