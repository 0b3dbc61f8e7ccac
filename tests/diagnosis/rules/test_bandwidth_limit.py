"""A pod at the limit of its annotation, and pods that only look so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from collectors.events import PodRow
from collectors.findings import Finding
from diagnosis import rules
from diagnosis.snapshot import Snapshot
from tests.support.rules import finder
from tests.support.snapshots import API, NEAR, POD, pod, talk

evaluate = finder("bandwidth_limit")
LIMITED = replace(POD, egress_limit=8_000_000)
SENT, CAME = "dev/eth0/tx_bytes", "dev/eth0/rx_bytes"
LOSES = {"TcpExtTCPOrigDataSent": 10_000, "TcpRetransSegs": 900}


def found(row: PodRow, deltas: dict[str, int], **more: Any) -> Finding | None:
    view = replace(pod({}, deltas, **more), pod=row)
    rows = evaluate(Snapshot(100.0, (view,), (row, API, NEAR)))
    return rows[0] if rows else None


def megabits(number: float) -> int:
    """Bytes in the 15 s of a snapshot."""
    return int(number * 15e6 / 8)


def test_it_sends_all_that_it_may_and_segments_are_lost() -> None:
    finding = found(LIMITED, {SENT: megabits(7.9), **LOSES})
    assert finding is not None and finding.severity == "warning"
    assert "It sends 7.9 Mbit/s of the 8.0 Mbit/s" in finding.title
    assert "9.0 % of data segments retransmitted" in finding.evidence[2].text
    assert "kubernetes.io/egress-bandwidth=MORE" in finding.fix


def test_syns_are_no_data_and_a_share_is_at_most_all() -> None:
    sent = {SENT: megabits(7.9), "TcpExtTCPOrigDataSent": 100}
    finding = found(LIMITED, {**sent, "TcpRetransSegs": 90, "TcpExtTCPSynRetrans": 90})
    assert finding is not None and finding.severity == "info"
    finding = found(LIMITED, {**sent, "TcpRetransSegs": 300})
    assert finding is not None and "100.0 % of data segments" in finding.evidence[2].text


def test_what_it_receives_is_limited_where_segments_are_missing() -> None:
    row = replace(POD, ingress_limit=8_000_000)
    deltas = {CAME: megabits(7.5), "TcpInSegs": 9_000, "TcpExtTCPOFOQueue": 900, **LOSES}
    finding = found(row, deltas)
    assert finding is not None and finding.severity == "warning"
    assert "It receives 7.5 Mbit/s" in finding.title and "10.0 %" in finding.evidence[2].text
    quiet = found(row, {CAME: megabits(7.5), "TcpInSegs": 9_000, **LOSES})
    assert quiet is not None and quiet.severity == "info"


def test_an_application_that_needs_as_much_and_loses_nothing() -> None:
    finding = found(LIMITED, {SENT: megabits(7.0)})
    assert finding is not None and finding.severity == "info"
    assert "dropped" not in finding.title


@pytest.mark.alike
def test_below_the_limit_whatever_else_is_lost() -> None:
    assert found(LIMITED, {SENT: megabits(3), **LOSES}) is None
    assert found(LIMITED, {CAME: megabits(8), **LOSES}) is None


def test_nothing_enforces_a_limit_that_is_exceeded_by_far() -> None:
    assert found(LIMITED, {SENT: megabits(400), **LOSES}) is None


def test_no_annotation_or_the_host_s_network() -> None:
    assert found(POD, {SENT: megabits(7.9), **LOSES}) is None
    assert found(replace(LIMITED, host_network=True), {SENT: megabits(7.9), **LOSES}) is None


def test_what_is_retransmitted_is_said_under_it_and_not_under_a_limit_that_nobody_feels() -> None:
    lossy = (talk(retransmitted=40),)
    view = replace(pod({}, {SENT: megabits(7.9), **LOSES}, conversations=lossy), pod=LIMITED)
    known = Snapshot(100.0, (view,), (LIMITED, API, NEAR))
    assert [one.rule for one in rules.findings(known)] == ["bandwidth_limit"]
    explains = next(r.explains for r in rules.table() if r.rule.id == "bandwidth_limit")
    (finding,) = evaluate(known)
    assert explains is not None
    other = replace(lossy[0], client=NEAR.ip)
    assert explains(known, finding, lossy[0]) and not explains(known, finding, other)
    assert not explains(known, replace(finding, severity="info"), lossy[0])
