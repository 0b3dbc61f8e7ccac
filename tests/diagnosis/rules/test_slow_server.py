"""A server that is slow, and paths and readers that make it look so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from collectors.events import ServiceRow
from collectors.findings import Finding
from tests.support.snapshots import API, found, pod, talk

SLOW = talk(slow=9, slowest_ms=900.0)


def slow(row: Any = SLOW, **rows: Any) -> Finding | None:
    return found(pod(conversations=(row,)), **rows).get("slow_server")


def test_late_answers_over_a_quick_path() -> None:
    finding = slow()
    assert finding is not None and finding.subject.port == 8080
    assert "900 ms while a round trip is 0.20 ms" in finding.title
    assert "its pods that are slow run on n2" in finding.evidence[0].text


def test_a_path_that_is_as_slow() -> None:
    assert slow(replace(SLOW, rtt_ms=80.0)) is None
    assert slow(replace(SLOW, rtt_ms=None)) is None


def test_segments_are_lost_meanwhile() -> None:
    assert slow(replace(SLOW, retransmitted=40)) is None


def test_a_reader_that_does_not_read() -> None:
    assert slow(replace(SLOW, client_zero_windows=2)) is None
    assert slow(replace(SLOW, server_zero_windows=2)) is None


def test_one_report_among_many_quick_answers() -> None:
    assert slow(replace(SLOW, slow=2)) is None
    assert slow(replace(SLOW, flows=400, slow=9)) is None


def test_watches_of_the_api_server_and_look_ups() -> None:
    kubernetes = ServiceRow("default", "kubernetes", (API.ip,), ("443/TCP",), "ClusterIP")
    assert slow(services=(kubernetes,)) is None
    assert slow(replace(SLOW, port=53)) is None
