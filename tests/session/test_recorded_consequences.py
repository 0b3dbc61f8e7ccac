"""Findings of a version that did not know which of them explain others."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from collectors.events import FindingEvent
from collectors.findings import Finding, Subject
from collectors.stream import Stream
from diagnosis import rules
from diagnosis.snapshot import Snapshot
from session.controller import Controller
from session.findings_over_time import over_time
from session.recorded_consequences import Hindsight
from session.replay import play
from session.store import Store
from tests.support.incident import BEGAN, full_table
from tests.support.replay import EventSource

CAUSE = Finding(
    rule="full", severity="critical", subject=Subject(kind="node", name="n1"), title="Full"
)
SYMPTOM = Finding(
    rule="slow",
    severity="warning",
    subject=Subject(kind="pod", name="web", namespace="shop"),
    title="3 slow",
)
SINCE, UNTIL = 20.0, 100.0  # of the symptom, in seconds; the cause holds to the end


def recorded(*findings: Finding) -> list[FindingEvent]:
    appeared = [
        FindingEvent(BEGAN + SINCE, "", "appeared", one, BEGAN + SINCE - 4) for one in findings
    ]
    return [*appeared, FindingEvent(BEGAN + UNTIL, "", "gone", findings[-1], BEGAN + SINCE - 4)]


async def played(
    monkeypatch: pytest.MonkeyPatch, today: list[Finding], *findings: Finding
) -> tuple[Store, list[float], Hindsight]:
    """With what rules of today find at any time; when they looked."""
    looks: list[float] = []

    def findings_of_today(snapshot: Snapshot) -> list[Finding]:
        looks.append(round(snapshot.at - BEGAN))
        return today

    monkeypatch.setattr(rules, "findings", findings_of_today)
    control = Controller(Store(), Stream())
    events = sorted([*full_table(), *recorded(*findings)], key=lambda event: event.at)
    source = EventSource(events, control.stream)
    recorded_consequences = Hindsight(control.store, control.stream)
    source.before_event = recorded_consequences.advance
    await play(control, source, with_rules=False)
    await control.close()
    return control.store, looks, recorded_consequences


async def test_a_consequence_is_counted_under_its_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its figures are today; and rules look no longer when all is explained."""
    today = [replace(CAUSE, consequences=("shop/web: 5 slow", "shop/other: 5 slow"))]
    store, looks, recorded_consequences = await played(monkeypatch, today, CAUSE, SYMPTOM)
    found, _ = over_time(store.findings)
    assert [(one.rule, one.consequences) for one in found] == [("full", ("shop/web: 5 slow",))]
    assert recorded_consequences.explained == {SYMPTOM.key} and len(looks) == 1


async def test_what_was_not_recorded_explains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cause of today is not in the recording: both that were found stay, and rules have looked
    after pauses that double, while both held."""
    other = replace(CAUSE, rule="unknown earlier", consequences=("shop/web: 5 slow",))
    store, looks, recorded_consequences = await played(monkeypatch, [other], CAUSE, SYMPTOM)
    found, _ = over_time(store.findings)
    assert {one.rule for one in found} == {"full", "slow"} and not recorded_consequences.explained
    assert 4 <= len(looks) <= 7 and looks[0] >= SINCE and looks[-1] <= UNTIL
    pauses = [later - at for at, later in pairwise(looks)]
    assert pauses == sorted(pauses) and pauses[-1] > 4 * pauses[0]


async def test_rules_do_not_look_at_one_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    _, looks, _ = await played(monkeypatch, [], SYMPTOM)
    assert not looks
