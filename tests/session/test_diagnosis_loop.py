"""What the rules are given of what they found before."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from collectors.findings import Finding, Subject
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
