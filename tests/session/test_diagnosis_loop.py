"""What the rules are given of what they found before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from collectors.findings import Evidence, Finding, Subject
from collectors.stream import Stream
from diagnosis import rules
from diagnosis.snapshot import Snapshot
from session.diagnosis_loop import DiagnosisLoop
from session.store import Store

CAUSE = Finding(rule="x", severity="critical", subject=Subject(kind="node", name="n1"), title="t")


async def test_causes_that_were_found_while_their_packets_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: dict[float, Sequence[Finding]] = {}

    def findings(snapshot: Snapshot, earlier: Sequence[Finding] = ()) -> list[Finding]:
        given[snapshot.at] = earlier
        return [CAUSE] if snapshot.at <= 106 else []

    monkeypatch.setattr(rules, "findings", findings)
    loop = DiagnosisLoop(Store(), Stream())
    for at in range(100, 132, 2):
        await loop.look(at)
    assert given[102] == [], "it has not held for long enough to be said"
    assert [at for at, earlier in given.items() if CAUSE in earlier] == list(range(106, 128, 2))


async def test_what_a_cause_did_is_no_finding_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = Subject(kind="pod", namespace="shop", name="web-1")
    out = Finding(
        rule="flapping",
        severity="warning",
        subject=subject,
        title="4 changes",
        evidence=(Evidence("4 changes", "pods", 104.0),),
    )
    cause = replace(CAUSE, consequences=(f"{out.where}: {out.title}",))

    def findings(snapshot: Snapshot, earlier: Sequence[Finding] = ()) -> list[Finding]:
        return [cause] if snapshot.at <= 110 else [out]

    monkeypatch.setattr(rules, "findings", findings)
    loop = DiagnosisLoop(Store(), Stream())
    looks = {at: await loop.look(at) for at in range(100, 220, 2)}
    assert not any(out in found for found in looks.values())
    assert cause in looks[110] and not looks[130]
