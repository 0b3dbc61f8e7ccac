"""What a cause did is not said by itself after the cause, unless it goes on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collectors.findings import Evidence, Finding, Subject
from session.left_over import LeftOver

LATE_S = 20.0
CLEARED = 100.0  # when the cause was seen last
NODE = Subject(kind="node", name="n1")
FLAPS = Finding(
    rule="flapping",
    severity="warning",
    subject=Subject(kind="pod", namespace="shop", name="web-1"),
    title="Its readiness comes and goes, 4 changes in 80 s",
    evidence=(Evidence("4 changes", "pods", CLEARED - 5.0),),
)
CAUSE = Finding(
    rule="conntrack_full",
    severity="critical",
    subject=NODE,
    title="t",
    consequences=(f"{FLAPS.where}: {FLAPS.title.replace('4', '3')}",),
)


def said(finding: Finding, at: float, cause: Finding = CAUSE, follows: bool = False) -> bool:
    left = LeftOver(LATE_S)
    left.remember([cause], CLEARED)
    return bool(left.without([finding], at, lambda one, other: follows and one.rule == cause.rule))


def lost(at: float) -> Finding:
    return replace(FLAPS, evidence=(Evidence("5 changes", "pods", at),))


@pytest.mark.parametrize("after", [2.0, 30.0, 115.0])
def test_what_was_listed_under_a_cause_is_not_a_cause_by_itself(after: float) -> None:
    assert not said(FLAPS, CLEARED + after)
    assert not said(lost(CLEARED + LATE_S - 1), CLEARED + after), "some of it comes late"


def test_what_goes_on_after_the_cause_is_said() -> None:
    assert said(lost(CLEARED + LATE_S + 1), CLEARED + LATE_S + 2)
    now = CLEARED + LATE_S + 1
    assert said(replace(FLAPS, evidence=()), now), "of the present, as nothing else is known"
    assert not said(replace(FLAPS, evidence=()), now - 2)


def test_what_a_cause_does_need_not_have_been_listed() -> None:
    alone = replace(CAUSE, consequences=())
    assert said(FLAPS, CLEARED + 50.0, alone)
    assert not said(FLAPS, CLEARED + 50.0, alone, follows=True)
    assert said(lost(CLEARED + 30.0), CLEARED + 50.0, alone, follows=True)


def test_a_cause_that_got_better_before_it_cleared_did_what_it_did() -> None:
    left = LeftOver(LATE_S)
    left.remember([replace(CAUSE, consequences=())], CLEARED)
    left.remember([replace(CAUSE, severity="warning", consequences=())], CLEARED + 2)
    assert not left.without([FLAPS], CLEARED + 30, lambda one, _: one.severity == "critical")


def test_of_another_pod_it_is_said_and_what_explains_others_always() -> None:
    other = replace(FLAPS, subject=replace(FLAPS.subject, name="web-2"))
    assert said(other, CLEARED + 2)
    assert said(replace(FLAPS, consequences=("x: y",)), CLEARED + 2)
