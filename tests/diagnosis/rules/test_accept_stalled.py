"""A worker or process that accepts nothing, and what follows from it."""

from __future__ import annotations

import pytest

from collectors.sockets.rows import SocketRow
from diagnosis.accept_queues import AcceptQueue
from tests.support.snapshots import POD, found, pod

STUCK = AcceptQueue(8082, 2, 1, waiting=12, before=2, limit=511, seconds=9.0)
STOPPED = AcceptQueue(8080, 1, 0, waiting=6, before=6, limit=5, seconds=9.0)


def test_one_of_two_workers() -> None:
    finding = found(pod(stalled=(STUCK,)))["accept_stalled"]
    assert finding.where == "shop/web-1:8082"
    assert finding.title.startswith("Of 2 listeners on port 8082 one accepts nothing")
    assert "2 → 12 of 511 in 9 s" in finding.evidence[0].text


def test_a_stopped_process_and_its_overflow_are_one_finding() -> None:
    unread = SocketRow("tcp", "ESTAB", POD.ip, 8080, "10.1.0.9", 40_000, recv_q=78)
    view = pod({}, {"TcpExtListenOverflows": 4}, stalled=(STOPPED,), sockets=(unread,))
    everything = found(view)
    finding = everything["accept_stalled"]
    assert "1 connections hold requests that nobody read" in [e.text for e in finding.evidence]
    assert "listen_queue" not in everything
    assert any("accept queue overflows" in text for text in finding.consequences)


@pytest.mark.alike
def test_two_that_wait_are_no_finding() -> None:
    few = AcceptQueue(8082, 2, 1, waiting=2, before=1, limit=511, seconds=9.0)
    assert "accept_stalled" not in found(pod(stalled=(few,)))


@pytest.mark.alike
def test_a_busy_server_that_accepts_as_fast_as_connections_come() -> None:
    """Its queue is full, or grows in a burst, and more are opened than wait."""
    listener = SocketRow("tcp", "LISTEN", POD.ip, 8080, "", 0, 129, 128)
    full = AcceptQueue(8080, 1, 0, waiting=129, before=129, limit=128, seconds=9.0)
    growing = AcceptQueue(8080, 1, 0, waiting=60, before=10, limit=128, seconds=9.0)
    for queue in (full, growing):
        busy = pod({}, {"TcpPassiveOpens": 500}, stalled=(queue,), sockets=(listener,))
        assert "accept_stalled" not in found(busy)
        stopped = pod({}, {"TcpPassiveOpens": 40}, stalled=(queue,), sockets=(listener,))
        assert "accept_stalled" in found(stopped)
        beside = listener._replace(local_port=9090, recv_q=0)  # which may have them
        view = pod({}, {"TcpPassiveOpens": 500}, stalled=(queue,), sockets=(listener, beside))
        assert "accept_stalled" in found(view)
