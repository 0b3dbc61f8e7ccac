"""Where a finding can be seen: which target's screen and which of its lists, or the cluster's."""

from __future__ import annotations

import re
from collections.abc import Sequence

from collectors.findings import Finding, Subject
from collectors.target import name_in, pod_key
from session.targets import OpenTab

CLUSTER = ("pods", "nodes", "services", "policy")
_NAME = re.compile(r"[\w./-]+")


def view(finding: Finding) -> str:
    """The list that shows it: of a policy the pods of its namespace."""
    return {"policy": "pods", "": "packets"}.get(finding.screen, finding.screen)


def place(finding: Finding, opened: Sequence[OpenTab]) -> OpenTab | None:
    """The tab that shows it best: its subject, a pod on the node that is its subject, what its
    evidence names; any, where the subject is not a target. None where it is the cluster's lists,
    or its subject is not open."""
    if finding.screen in CLUSTER or not opened:
        return None
    subject, named = finding.subject, _named_in_evidence(finding)
    best = max(opened, key=lambda tab: _score(tab, subject, named))
    is_named = _score(best, subject, named) > 0
    return best if is_named or not target_key(subject) else None


def _score(tab: OpenTab, subject: Subject, named: set[str]) -> int:
    """What is nearer counts more than all that is farther."""
    node = name_in(tab.node)
    return (
        8 * (tab.key == target_key(subject))
        + 4 * (subject.kind == "node" and subject.name == node)
        + 2 * (name_in(tab.key) in named)
        + (node in named)
    )


def target_key(subject: Subject) -> str:
    """The key of the target that is the subject; '' where it is not a target."""
    if subject.kind == "pod":
        return pod_key(subject.namespace, subject.name)
    return f"{subject.kind}/{subject.name}" if subject.kind in ("node", "local") else ""


def _named_in_evidence(finding: Finding) -> set[str]:
    """Names in full: `node1` is not named by `node10`."""
    texts = (f"{one.scope} {one.text}" for one in finding.evidence)
    return {name.removesuffix(".") for text in texts for name in _NAME.findall(text)}


def words(finding: Finding) -> str:
    """What to look for in the cluster's list, as its rows are written: NAMESPACE/NAME of a pod or
    Service, a node's name, `NAMESPACE/` of a policy."""
    subject = finding.subject
    if subject.kind == "cluster":
        return ""
    namespace = f"{subject.namespace}/" if subject.namespace else ""
    return namespace if finding.screen == "policy" else f"{namespace}{subject.name}"
