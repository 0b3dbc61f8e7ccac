"""Loss by the share of data segments that are retransmitted, and what looks like it."""

from __future__ import annotations

import pytest

from diagnosis.rules import retransmits
from tests.support.snapshots import found, pod


def deltas(retransmitted: int, sent: int, syns: int = 0) -> dict[str, int]:
    return {
        "TcpRetransSegs": retransmitted + syns,
        "TcpExtTCPSynRetrans": syns,
        "TcpExtTCPOrigDataSent": sent,
    }


@pytest.mark.parametrize(
    ("retransmitted", "severity"),
    [(9, ""), (10, "warning"), (49, "warning"), (50, "critical"), (430, "critical")],
)
def test_severity_is_that_of_the_thresholds(retransmitted: int, severity: str) -> None:
    finding = found(pod({}, deltas(retransmitted, 1000))).get("retransmits")
    assert (finding.severity if finding else "") == severity


def test_no_share_is_above_100_percent() -> None:
    """Segments of a time before the window are retransmitted in it: a count, not a share."""
    finding = found(pod({}, deltas(400, 175)))["retransmits"]
    assert finding.title == "400 segments are retransmitted beside 175 new ones: packets are lost"
    assert finding.severity == "critical"


@pytest.mark.parametrize(
    "innocent",
    [
        deltas(0, 1000, syns=60),  # SYNs to a closed port: no data is lost
        deltas(4, 40),  # a handful of segments of a quiet connection
        deltas(40, 90),  # too few were sent to speak of a share
    ],
)
def test_what_looks_like_loss_and_is_not(innocent: dict[str, int]) -> None:
    assert "retransmits" not in found(pod({}, innocent))


def test_the_threshold_is_shown_with_its_source() -> None:
    finding = found(pod({}, deltas(50, 1000)))["retransmits"]
    assert finding.threshold == retransmits.RULE.threshold_text
    assert "critical from 5 %" in finding.threshold
