"""Captures that lost packets or lag, and what is not concluded from them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from diagnosis import rules
from diagnosis.comparable_captures import LATE_S, LOSSY, why_not_comparable
from diagnosis.snapshot import Snapshot
from tests.support.loss_snapshots import SILENT, seen
from tests.support.rules import finder
from tests.support.snapshots import node

evaluate = finder("unanswered")
LOSSY_NOW, LATE_NOW = {"capture_loss": 4.2}, {"capture_lag": 7.0}


def test_what_lags() -> None:
    assert why_not_comparable(node(capture_loss=4.2)) == "lost 4.2 % of its packets"
    assert (
        why_not_comparable(node(capture_lag=7.0)) == "has no packet of the last 7 s, as others have"
    )


def test_a_capture_that_is_whole_and_a_second_behind() -> None:
    """Captures come in batches."""
    assert not why_not_comparable(node(capture_lag=LATE_S - 1, capture_loss=LOSSY / 2))


def with_views(moment: Snapshot, which: int, **more: float) -> Snapshot:
    views = list(moment.targets)
    views[which] = replace(views[which], **more)  # type: ignore[arg-type]
    return replace(moment, targets=tuple(views))


@pytest.mark.parametrize("more", [LOSSY_NOW, LATE_NOW])
@pytest.mark.parametrize("which", [0, 1])
def test_what_does_not_come_to_a_node_is_not_lost_between(
    which: int, more: dict[str, float]
) -> None:
    moment = seen(replace(SILENT, passed=9), None)
    (whole,) = evaluate(moment)
    assert whole.title.startswith("SYNs leave n1 and never come to n2")
    (finding,) = (f for f in rules.findings(with_views(moment, which, **more)) if "SYN" in f.title)
    assert finding.title.startswith("SYNs are not answered")
    assert finding.evidence[-1].text.startswith(f"the capture on n{which + 1} ")
    assert finding.evidence[-1].text.endswith("it is compared with no other place")


def test_what_one_capture_shows_by_itself_is_said_all_the_same() -> None:
    moment = with_views(seen(replace(SILENT, stopped=9), None), 1, **LOSSY_NOW)
    assert any(f.title.startswith("SYNs are dropped on n1") for f in rules.findings(moment))


def test_whole_captures_add_nothing() -> None:
    (finding,) = (f for f in rules.findings(seen(SILENT, None)) if f.rule == "unanswered")
    assert not any("compared" in fact.text for fact in finding.evidence)
