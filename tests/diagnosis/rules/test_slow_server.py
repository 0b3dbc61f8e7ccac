"""A server that is slow, and paths and readers that make it look so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from collectors.events import ServiceRow
from collectors.findings import Finding
from diagnosis import rules
from diagnosis.paths import PathRow
from diagnosis.snapshot import Conversation, Snapshot
from tests.support.snapshots import API, NEAR, POD, found, node, pod, talk

SLOW = talk(slow=9, slowest_ms=900.0)


def slow(row: Any = SLOW, **rows: Any) -> Finding | None:
    return found(pod(conversations=(row,)), **rows).get("slow_server")


def test_late_answers_over_a_quick_path() -> None:
    finding = slow()
    assert finding is not None and finding.subject.port == 8080
    assert "900 ms while a round trip is 0.20 ms" in finding.title
    assert "its pods that are slow run on n2" in finding.evidence[0].text


@pytest.mark.alike
def test_a_path_that_is_as_slow() -> None:
    assert slow(replace(SLOW, rtt_ms=80.0)) is None
    assert slow(replace(SLOW, rtt_ms=None)) is None


def test_long_polls_are_a_note_in_a_capture_alone() -> None:
    polls = replace(SLOW, slowest_ms=4_000.0, patient=9)
    (note,) = rules.findings(Snapshot(100.0, (pod(conversations=(polls,)),)))
    assert note.severity == "info" and "or they are long polls" in note.title
    late = replace(polls, patient=8)  # one of them asked once
    (finding,) = rules.findings(Snapshot(100.0, (pod(conversations=(late,)),)))
    assert finding.severity == "warning" and finding.title.endswith("the server is slow")
    known = slow(polls)
    assert known is not None and known.severity == "warning" and "long polls" in known.title


def test_segments_are_lost_meanwhile() -> None:
    assert slow(replace(SLOW, retransmitted=40)) is None


def test_a_reader_that_does_not_read() -> None:
    assert slow(replace(SLOW, client_zero_windows=2)) is None
    assert slow(replace(SLOW, server_zero_windows=2)) is None


@pytest.mark.alike
def test_one_report_among_many_quick_answers() -> None:
    assert slow(replace(SLOW, slow=2)) is None
    assert slow(replace(SLOW, flows=400, slow=9)) is None


@pytest.mark.alike
def test_watches_of_the_api_server_and_look_ups() -> None:
    kubernetes = ServiceRow("default", "kubernetes", (API.ip,), ("443/TCP",), "ClusterIP")
    assert slow(services=(kubernetes,)) is None
    assert slow(replace(SLOW, port=53)) is None
    assert slow(replace(SLOW, port=10_250)) is None, "logs that are followed, execs"


@pytest.mark.alike
def test_watches_in_a_capture_of_a_cluster_of_which_nothing_is_known() -> None:
    assert slow(replace(SLOW, port=6443)) is None
    asked = replace(SLOW, server="10.96.0.1", port=443)
    row = PathRow("TCP", POD.ip, "10.96.0.1", 443, "192.168.0.1", 6443, POD.ip, connections=5)
    for rows, is_said in (((row,), False), ((), True)):
        view = node(conversations=(asked,), paths=rows)
        assert ("slow_server" in found(view)) is is_said
    elsewhere = ServiceRow("default", "kubernetes", ("10.96.0.1",), ("443/TCP",), "ClusterIP")
    assert slow(replace(SLOW, port=6443), services=(elsewhere,)) is not None


def test_a_server_that_waits_for_another() -> None:
    """One cause, one finding: the last of a chain."""

    def slow(client: str, server: str, ms: float) -> Conversation:
        return Conversation(
            "TCP", client, server, 80, flows=20, answered=20, slow=9, slowest_ms=ms, rtt_ms=0.2
        )

    def said(*talks: Conversation) -> dict[str, int]:
        rows = Snapshot(100.0, (pod(conversations=talks),), (POD, API, NEAR, DB))
        found = [one for one in rules.findings(rows) if one.rule == "slow_server"]
        return {one.subject.name: len(one.consequences) for one in found}

    first = slow(POD.ip, API.ip, 1_200.0)
    assert said(first, slow(API.ip, DB.ip, 1_100.0)) == {"db": 1}
    assert said(first, slow(API.ip, DB.ip, 300.0)) == {"api": 0, "db": 0}  # most of it is its own
    assert said(first, slow(POD.ip, DB.ip, 1_100.0)) == {"api": 0, "db": 0}


DB = replace(API, name="db-1", uid="u8", ip="10.2.0.8", workload="StatefulSet/db")


@pytest.mark.parametrize(("ms", "severity"), [(300.0, "info"), (1_200.0, "warning")])
def test_answers_within_a_second_are_no_warning_where_nothing_of_the_program_is_known(
    ms: float, severity: str
) -> None:
    view = node(conversations=(replace(SLOW, slowest_ms=ms),))
    (finding,) = rules.findings(Snapshot(100.0, (view,)))
    assert (finding.rule, finding.severity) == ("slow_server", severity)
