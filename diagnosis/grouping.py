"""Many findings of one rule as one line, with a count and names: 350 Services of which no endpoint
is ready have one cause, or are looked at one by one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from collectors.findings import Evidence, Finding, Subject, SubjectKind
from diagnosis.by_key import by_key

MOST = 4  # of a rule and a severity that are said one by one
NAMED, SHOWN = 30, 3  # subjects that are named, and those whose evidence is shown
PLURALS: dict[SubjectKind, str] = {
    "service": "Services",
    "pod": "pods",
    "workload": "workloads",
    "node": "nodes",
    "policy": "policies",
    "address": "addresses",
}


def grouped(findings: Iterable[Finding]) -> list[Finding]:
    alike = by_key(findings, lambda finding: (finding.rule, finding.severity))
    return [one for group in alike.values() for one in _shortened(group)]


def _shortened(group: list[Finding]) -> list[Finding]:
    return group if len(group) <= MOST else [_of_many(group)]


def _of_many(group: Sequence[Finding]) -> Finding:
    first = min(group, key=lambda finding: finding.where)
    what = _plural(group)
    same = len({finding.title for finding in group}) == 1
    example = "" if same else f", as {first.where}"
    return replace(
        first,
        subject=Subject(kind="cluster", namespace=_namespace(group), name=what),
        title=f"{len(group)} {what}{example}: {first.title}",
        evidence=_evidence(group),
        consequences=tuple(dict.fromkeys(text for one in group for text in one.consequences)),
    )


def _plural(group: Sequence[Finding]) -> str:
    """`pods`, or of several kinds `nodes and pods`."""
    kinds = {finding.subject.kind for finding in group}
    return " and ".join(sorted({PLURALS.get(kind, "objects") for kind in kinds}))


def _namespace(group: Sequence[Finding]) -> str:
    """The one that all are in, '' for several."""
    namespaces = {finding.subject.namespace for finding in group}
    return namespaces.pop() if len(namespaces) == 1 else ""


def _evidence(group: Sequence[Finding]) -> tuple[Evidence, ...]:
    names = sorted(dict.fromkeys(finding.where for finding in group))
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    listed = Evidence(", ".join(names[:NAMED]) + more, "")
    some = (finding for finding in group if finding.evidence)
    shown = (_of_one(finding) for _, finding in zip(range(SHOWN), some, strict=False))
    return (listed, *shown)


def _of_one(finding: Finding) -> Evidence:
    one = finding.evidence[0]
    return replace(one, text=f"{finding.where}: {one.text}")
