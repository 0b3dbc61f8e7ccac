"""Guided diagnosis: from a symptom to a cause, by probes that are run from the right place, one after another. Pure: a
session is a generator that yields what it wants to know and is sent the answer; who runs it does the rest."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Literal

from collectors.record import record
from diagnosis.finding import Finding
from diagnosis.path import Answer

Verdict = Literal["good", "bad", "unknown"]


@record
class Goal:
    """What the person wants to reach from the pod: a name or an address, and a port (0: not said)."""

    host: str
    port: int = 0


@record
class Command:
    """Run `argv` in the pod. `does` says so before it is done, `why` why it comes next."""

    does: str
    why: str
    argv: tuple[str, ...]
    seconds: float = 8.0


@record
class Look:
    """Look at what the rules find now, of these names."""

    does: str
    why: str
    rules: tuple[str, ...]


@record
class AskPath:
    """Ask for the verdict of policies and Services on the way from the pod to the goal."""

    does: str
    why: str


@record
class Said:
    """The verdict of the step before."""

    verdict: Verdict
    text: str


@record
class Result:
    """What a command ended with; `failed` says why it could not be run."""

    code: int | None
    out: str
    err: str
    failed: str = ""


@record
class Conclusion:
    """The end: findings that explain the symptom, or what was ruled out."""

    found: bool
    text: str
    findings: tuple[Finding, ...] = ()


Asked = Command | Look | AskPath | Said
Sent = Result | list[Finding] | Answer | None
Session = Generator[Asked, Sent, Conclusion]


@record
class Symptom:
    name: str
    title: str
    start: Callable[[Goal], Session]
    needs_goal: bool = True


def symptoms() -> tuple[Symptom, ...]:
    from diagnosis.guide import sessions

    return (
        Symptom("connect", "cannot connect (refused, no route)", sessions.cannot_connect),
        Symptom("timeout", "connections time out", sessions.times_out),
        Symptom("slow", "it is slow", sessions.slow),
        Symptom("reset", "connections are reset", sessions.reset),
        Symptom("name", "a name does not resolve", sessions.name),
        Symptom("nodes", "it works on one node and not on another", sessions.one_node),
        Symptom("large", "large responses hang", sessions.large),
        Symptom("load", "it breaks under load", sessions.under_load, needs_goal=False),
    )
