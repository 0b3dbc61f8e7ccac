"""A program that reads too slowly, and receivers that brake a quick sender for a moment."""

from __future__ import annotations

from dataclasses import replace

import pytest

from diagnosis.rules import receiver
from diagnosis.snapshot import Conversation, Snapshot
from tests.support.snapshots import API, POD, found, pod, sockets, talk

WINDOWS = "TcpExtTCPToZeroWindowAdv"


def test_its_window_closes_again_and_again() -> None:
    finding = found(pod({}, {WINDOWS: 20}))["receiver"]
    assert finding.subject.name == "web" and "+20 in 15 s" in finding.evidence[0].text


def test_it_closes_once_and_the_queue_stays_full() -> None:
    (full,) = sockets(1)
    finding = found(pod({}, {WINDOWS: 1}, sockets=(full._replace(recv_q=900_000),)))["receiver"]
    assert "900,000 bytes wait to be read" in finding.evidence[1].text


def test_zero_windows_in_a_capture_are_of_the_end_that_sent_them() -> None:
    named = {
        found(pod(conversations=(talk(**{side: 30}),)))["receiver"].subject.name
        for side in ("client_zero_windows", "server_zero_windows")
    }
    assert named == {"web", "api"}


@pytest.mark.alike
def test_a_window_that_closes_for_a_moment() -> None:
    """A large download to a disk: the kernel's flow control at work."""
    assert "receiver" not in found(pod({}, {WINDOWS: 2}, sockets=sockets(3)))
    assert "receiver" not in found(pod(conversations=(talk(client_zero_windows=2),)))


def test_a_reader_that_paces_itself_is_a_note_in_a_capture_alone() -> None:
    closed = talk(client_zero_windows=9, closed_ms=900.0)
    (note,) = receiver.evaluate(Snapshot(100.0, (pod(conversations=(closed,)),)))
    assert note.severity == "info" and "for a moment each time" in note.title
    lasting = replace(closed, closed_ms=1_000.0)
    (finding,) = receiver.evaluate(Snapshot(100.0, (pod(conversations=(lasting,)),)))
    assert finding.severity == "warning" and finding.title.startswith("It reads too slowly")
    assert found(pod(conversations=(closed,)))["receiver"].severity == "warning"


def test_many_small_queues_are_no_long_one() -> None:
    alike = tuple(row._replace(recv_q=200_000, alike=400) for row in sockets(1))
    assert "receiver" not in found(pod({}, {WINDOWS: 1}, sockets=alike))


def test_queues_without_a_closed_window() -> None:
    rows = tuple(row._replace(recv_q=900_000) for row in sockets(2))
    assert "receiver" not in found(pod(sockets=rows))


def test_a_proxy_reads_as_slowly_as_its_own_client() -> None:
    """nginx, Envoy: they stop to read the answer that their client does not read."""
    upstream = Conversation("TCP", POD.ip, API.ip, 8080, flows=9, client_zero_windows=9)
    outside = Conversation("TCP", "198.51.100.4", POD.ip, 80, flows=9, client_zero_windows=9)
    rows = Snapshot(100.0, (pod(conversations=(upstream, outside)),), (POD, API))
    (finding,) = receiver.evaluate(rows)
    assert finding.subject.name == "198.51.100.4"
    alone = replace(rows, targets=(pod(conversations=(upstream,)),))
    (finding,) = receiver.evaluate(alone)
    assert finding.subject.name == "web"
