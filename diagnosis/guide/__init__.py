"""Guided diagnosis: from a symptom to a cause, by probes that are run from the right place, one
after another. Pure: a session is a generator that yields what it asks for and is sent the answer;
its runner does the rest."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Literal

from collectors.findings import Finding
from collectors.frozen import frozen
from diagnosis.reachability.deliveries import PathVerdict
from diagnosis.rule import SYMPTOMS, SymptomName

Verdict = Literal["good", "bad", "unknown"]


@frozen
class Goal:
    """What the person wants to reach from the pod: a name or an address, and a port (0: none)."""

    host: str
    port: int = 0


@frozen
class ProbeCommand:
    """Run `argv` in the pod. `does` says so before it is done, `why` why it comes next."""

    does: str
    why: str
    argv: tuple[str, ...]
    seconds: float = 8.0


@frozen
class Look:
    """Look at what these rules find now."""

    does: str
    why: str
    rules: tuple[str, ...]


@frozen
class Looked:
    """What some rules find; `unseen` says in sentences which objects that they look at were not
    listed."""

    findings: tuple[Finding, ...]
    unseen: tuple[str, ...] = ()


@frozen
class AskPath:
    """Ask for the verdict of policies and Services on the path from the pod to the goal."""

    does: str
    why: str


@frozen
class Said:
    """The verdict of the step before."""

    verdict: Verdict
    text: str


@frozen
class ProbeResult:
    """What a command ended with; `failed` says why it could not be run."""

    code: int | None
    out: str
    err: str
    failed: str = ""


@frozen
class Conclusion:
    """The end: findings that explain the symptom, or what was ruled out."""

    found: bool
    text: str
    findings: tuple[Finding, ...] = ()


Asked = ProbeCommand | Look | AskPath | Said
Sent = ProbeResult | Looked | PathVerdict | None
GuideSession = Generator[Asked, Sent, Conclusion]


@frozen
class Symptom:
    name: SymptomName
    start: Callable[[Goal], GuideSession]
    needs_goal: bool = True

    @property
    def title(self) -> str:
        return SYMPTOMS[self.name]


def symptoms() -> tuple[Symptom, ...]:
    from diagnosis.guide import symptom_trees as trees

    return (
        Symptom("connect", trees.cannot_connect),
        Symptom("timeout", trees.times_out),
        Symptom("slow", trees.slow),
        Symptom("reset", trees.reset),
        Symptom("name", trees.name),
        Symptom("nodes", trees.one_node),
        Symptom("large", trees.large),
        Symptom("load", trees.under_load, needs_goal=False),
    )
