"""Findings as plain values: a cause, what it concerns, the figures it rests on, and what to do.

They travel in the stream of events, are recorded, and are shown; the rules that make them are in
`diagnosis`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal

from collectors.frozen import frozen, frozen_by_name

Severity = Literal["critical", "warning", "info"]
Confidence = Literal["certain", "likely", "possible"]
Stage = Literal["cause", "symptom", "advice"]
CONFIDENCES: tuple[Confidence, ...] = ("certain", "likely", "possible")
STAGES: tuple[Stage, ...] = ("cause", "symptom", "advice")
FixKind = Literal["text", "sysctl", "yaml", "shell"]
SubjectKind = Literal[
    "pod", "node", "local", "capture", "workload", "service", "policy", "address", "cluster"
]
PREFIX: dict[SubjectKind, str] = {"service": "svc/", "policy": "policy/"}
ViewKind = Literal["pod", "node", "local", "capture"]  # what a vantage point is
SEVERITY_PLURALS: dict[Severity, str] = {
    "critical": "critical",
    "warning": "warnings",
    "info": "info",
}
SEVERITY_ORDER: dict[str, int] = {"critical": 0, "warning": 1, "info": 2}


@frozen
class Evidence:
    """One figure or fact: where it was read, when, and whose it is (`scope`)."""

    text: str
    source: str
    at: float = 0.0
    scope: str = ""


@frozen_by_name
class Subject:
    """What a finding is about. `port` 0 is none; `detail` narrows it down (an interface, a rule of
    a policy, the other end of a path). `local` is the machine on which podwire runs."""

    kind: SubjectKind
    name: str
    namespace: str = ""
    port: int = 0
    detail: str = ""

    @property
    def text(self) -> str:
        """As kubectl would write it: `svc/shop/backend:80`, `shop/web-1`, `node1 → node2`;
        of a policy, whose kind may be any, `policy/shop/deny`."""
        name = f"{self.namespace}/{self.name}" if self.namespace else self.name
        name = f"{PREFIX.get(self.kind, '')}{name}"
        if self.port:
            name += f":{self.port}"
        return f"{name} {self.detail}" if self.detail else name


@frozen_by_name
class Finding:
    """`screen` is the list that shows it. `fix` can be copied as it is (commands, a sysctl drop-in,
    YAML, or a sentence); `fix_kind` says which. `disproof` is what would show that it is wrong. A
    `stage` of symptom may be explained by another finding, which has it in its `consequences` as
    `subject: title`."""

    rule: str
    severity: Severity
    subject: Subject
    title: str
    evidence: tuple[Evidence, ...] = ()
    threshold: str = ""
    confidence: Confidence = "likely"
    disproof: str = ""
    fix: str = ""
    fix_kind: FixKind = "text"
    verify: str = ""
    screen: str = ""
    stage: Stage = "cause"
    consequences: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """The subject, to show."""
        return self.subject.text

    @property
    def key(self) -> tuple[str, Subject]:
        """What stays the same while its figures change."""
        return (self.rule, self.subject)


def counts_text(findings: Iterable[Finding]) -> str:
    """`1 critical, 2 warnings`; '' of none."""
    counts = Counter(finding.severity for finding in findings)
    return ", ".join(
        f"{counts[one]} {one if counts[one] == 1 else many}"
        for one, many in SEVERITY_PLURALS.items()
        if counts[one]
    )


def stronger(before: Finding, later: Finding) -> Finding:
    """Of two states of one finding the graver; of equal ones the surer, else the later."""
    return before if _strength(before) < _strength(later) else later


def _strength(finding: Finding) -> tuple[int, int]:
    return SEVERITY_ORDER[finding.severity], CONFIDENCES.index(finding.confidence)


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """The worst first; of equal severity, causes before what they may explain."""
    return sorted(findings, key=_rank)


def _rank(finding: Finding) -> tuple[int, int, str, str]:
    severity, stage = SEVERITY_ORDER[finding.severity], STAGES.index(finding.stage)
    return severity, stage, finding.rule, finding.where
