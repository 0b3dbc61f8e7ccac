"""Connections that a program never closes."""

from __future__ import annotations

from tests.support.snapshots import API, found, node, pod, sockets


def test_a_pool_that_leaks_names_its_peer() -> None:
    finding = found(pod(sockets=sockets(60, "CLOSE-WAIT")))["close_wait"]
    assert finding.title == "60 connections wait for the program to close them"
    assert "shop/api (60)" in finding.evidence[0].text


def test_a_few_are_usual() -> None:
    assert "close_wait" not in found(pod(sockets=sockets(49, "CLOSE-WAIT")))


def test_connections_that_are_open_or_were_closed() -> None:
    for state in ("ESTAB", "TIME-WAIT", "FIN-WAIT-2", "LAST-ACK"):
        assert "close_wait" not in found(pod(sockets=sockets(60, state, API.ip)))


def test_a_node_s_sockets_are_of_many_programs() -> None:
    assert "close_wait" not in found(node(sockets=sockets(60, "CLOSE-WAIT")))
