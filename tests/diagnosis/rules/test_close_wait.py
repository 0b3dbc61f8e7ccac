"""Connections that a program never closes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collectors.sockets.rows import SocketRow
from diagnosis.accept_queues import AcceptQueue
from tests.support.snapshots import API, POD, found, node, pod, sockets


def test_a_pool_that_leaks_names_its_peer() -> None:
    finding = found(pod(sockets=sockets(60, "CLOSE-WAIT")))["close_wait"]
    assert finding.title == "60 connections wait for the program to close them"
    assert "shop/api (60)" in finding.evidence[0].text


@pytest.mark.alike
def test_a_few_are_usual() -> None:
    assert "close_wait" not in found(pod(sockets=sockets(49, "CLOSE-WAIT")))


@pytest.mark.alike
def test_a_large_proxy_closes_some_at_any_moment() -> None:
    """The client closed first, and the proxy has the last of an answer to send."""
    (one,) = sockets(1)
    closing = sockets(60, "CLOSE-WAIT")
    assert "close_wait" not in found(pod(sockets=(*closing, one._replace(alike=20_000))))
    assert "close_wait" in found(pod(sockets=(*closing, one._replace(alike=1_000))))


def test_connections_that_are_open_or_were_closed() -> None:
    for state in ("ESTAB", "TIME-WAIT", "FIN-WAIT-2", "LAST-ACK"):
        assert "close_wait" not in found(pod(sockets=sockets(60, state, API.ip)))


def test_a_node_s_sockets_are_of_many_programs() -> None:
    assert "close_wait" not in found(node(sockets=sockets(60, "CLOSE-WAIT")))


def gave_up(count: int) -> tuple[SocketRow, ...]:
    return tuple(
        SocketRow("tcp", "CLOSE-WAIT", POD.ip, 8080, API.ip, 30_000 + n, recv_q=78)
        for n in range(count)
    )


@pytest.mark.alike
def test_clients_that_gave_up_while_nothing_accepted_them() -> None:
    """The program has none of them to close: that it accepts nothing is the finding."""
    queue = AcceptQueue(8080, 1, 0, waiting=129, before=129, limit=128, seconds=9.0)
    findings = found(pod(stalled=(queue,), sockets=gave_up(100)))
    assert "accept_stalled" in findings and "close_wait" not in findings
    listener = SocketRow("tcp", "LISTEN", POD.ip, 8080, "", 0, 129, 128)
    assert "close_wait" not in found(pod(sockets=(listener, *gave_up(129))))
    assert "close_wait" in found(pod(sockets=(listener, *gave_up(200))))


def test_a_pod_of_the_host_s_network_has_the_node_s_sockets() -> None:
    view = pod(sockets=sockets(60, "CLOSE-WAIT"))
    host = replace(POD, host_network=True)
    assert "close_wait" not in found(replace(view, pod=host), pods=(host, API))
