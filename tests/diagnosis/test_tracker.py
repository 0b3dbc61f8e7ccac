"""Findings over time."""

from __future__ import annotations

from dataclasses import replace

from collectors.findings import Finding, Subject
from diagnosis.tracker import Tracker


def test_findings_rise_and_clear_slowly_and_never_flap() -> None:
    tracker = Tracker(rise=3.0, clear=8.0)
    one = Finding(
        rule="r",
        severity="warning",
        subject=Subject(kind="address", name="here"),
        title="Something",
    )
    assert tracker.update([one], 0.0) == ([], []) and tracker.current == []
    assert tracker.update([], 2.0) == ([], [])
    tracker.update([], 6.0)
    tracker.update([one], 10.0)
    appeared, _ = tracker.update([one], 13.0)
    assert appeared == [one] and tracker.current == [one]
    for at in range(14, 20):
        assert tracker.update([one] if at % 3 == 0 else [], float(at)) == ([], []), (
            "it comes and goes: one finding"
        )
    worse = replace(one, severity="critical", title="Something worse")
    tracker.update([worse], 20.0)
    assert tracker.current == [worse], "figures change while it holds"
    _, cleared = tracker.update([], 29.0)
    assert cleared == [worse] and tracker.current == []
