"""What a diagnosis says: a cause, the figures that it rests on, and what to do. All of it can be shown and copied."""

from __future__ import annotations

from typing import Literal

from collectors.frozen import frozen

Severity = Literal["critical", "warning", "info"]
Confidence = Literal["certain", "likely", "possible"]
RANK: dict[str, int] = {"critical": 0, "warning": 1, "info": 2}
CONVENTION = "a convention, not from a source"


@frozen
class Evidence:
    """One figure, or one fact, with where it was read, when, and what it speaks of."""

    text: str
    source: str
    at: float = 0.0
    scope: str = ""


@frozen
class Finding:
    """`where` names the node, pod, Service or policy; `see` the screen that shows it. `fix` can be copied as it is
    (commands, a sysctl drop-in, YAML, or a sentence); `kind` says which."""

    rule: str
    severity: Severity
    where: str
    title: str
    evidence: tuple[Evidence, ...] = ()
    threshold: str = ""
    confidence: Confidence = "likely"
    disproof: str = ""
    fix: str = ""
    kind: Literal["text", "sysctl", "yaml", "shell"] = "text"
    verify: str = ""
    see: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What stays the same while its figures change."""
        return (self.rule, self.where)


def ordered(findings: list[Finding]) -> list[Finding]:
    """The worst first."""
    return sorted(findings, key=lambda f: (RANK[f.severity], f.rule, f.where))
