"""Guided diagnosis: from a symptom to a cause, by probes that are run from the right place, one after another. Pure: a
session is a generator that yields what it wants to know and is sent the answer; who runs it does the rest."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Literal

from collectors.findings import Finding
from collectors.frozen import frozen
from diagnosis.reachability.path import PathVerdict

Verdict = Literal["good", "bad", "unknown"]


@frozen
class Goal:
    """What the person wants to reach from the pod: a name or an address, and a port (0: not said)."""

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
    """Look at what the rules find now, of these names."""

    does: str
    why: str
    rules: tuple[str, ...]


@frozen
class AskPath:
    """Ask for the verdict of policies and Services on the way from the pod to the goal."""

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
Sent = ProbeResult | list[Finding] | PathVerdict | None
GuideSession = Generator[Asked, Sent, Conclusion]


@frozen
class Symptom:
    name: str
    title: str
    start: Callable[[Goal], GuideSession]
    needs_goal: bool = True


def symptoms() -> tuple[Symptom, ...]:
    from diagnosis.guide import symptom_trees

    return (
        Symptom("connect", "cannot connect (refused, no route)", symptom_trees.cannot_connect),
        Symptom("timeout", "connections time out", symptom_trees.times_out),
        Symptom("slow", "it is slow", symptom_trees.slow),
        Symptom("reset", "connections are reset", symptom_trees.reset),
        Symptom("name", "a name does not resolve", symptom_trees.name),
        Symptom("nodes", "it works on one node and not on another", symptom_trees.one_node),
        Symptom("large", "large responses hang", symptom_trees.large),
        Symptom("load", "it breaks under load", symptom_trees.under_load, needs_goal=False),
    )
