"""An accept queue that overflows, is full, or was long for a moment."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collectors.sockets.rows import SocketRow
from diagnosis import rules
from diagnosis.snapshot import Snapshot, TargetView
from tests.support import path_snapshots as paths
from tests.support.snapshots import NODE, POD, found, node, pod

LISTENER = SocketRow("tcp", "LISTEN", "0.0.0.0", 8080, "*", 0, recv_q=129, send_q=128)
OVERFLOWS = {"TcpExtListenOverflows": 3, "TcpExtListenDrops": 3}


def test_connections_were_dropped() -> None:
    finding = found(pod({}, OVERFLOWS, sockets=(LISTENER,)))["listen_queue"]
    assert finding.severity == "critical" and "overflows" in finding.title
    assert "accept queue :8080 holds 129 of 128" in finding.evidence[2].text


def test_it_is_full_and_nothing_was_dropped_yet() -> None:
    finding = found(pod(sockets=(LISTENER,)))["listen_queue"]
    assert finding.severity == "warning" and "is full" in finding.title


@pytest.mark.alike
def test_a_burst_that_the_queue_holds() -> None:
    for waiting in (0, 40, 128):
        assert "listen_queue" not in found(pod(sockets=(LISTENER._replace(recv_q=waiting),)))


def test_a_connection_whose_data_is_not_read_is_no_queue() -> None:
    row = LISTENER._replace(state="ESTAB", recv_q=9_000, send_q=10)
    assert "listen_queue" not in found(pod(sockets=(row,)))


def test_overflows_of_long_ago_and_a_limit_that_is_unknown() -> None:
    assert "listen_queue" not in found(pod({"TcpExtListenOverflows": 9_000}))
    assert "listen_queue" not in found(pod(sockets=(LISTENER._replace(send_q=0),)))


def test_a_pod_of_the_host_s_network_and_its_node_are_one() -> None:
    """They have the same counters; of the pod alone where its node is not open."""
    host = replace(POD, host_network=True)
    overflows = {"TcpExtListenOverflows": 9}
    own = replace(pod({}, overflows), pod=host)

    def places(*views: TargetView) -> list[str]:
        moment = Snapshot(100.0, views, (host,), (NODE,))
        return [f.where for f in rules.findings(moment) if f.rule == "listen_queue"]

    assert places(own, node({}, overflows)) == ["n1"]
    assert places(own) == ["shop/web-1"]


def test_an_endpoint_whose_queue_overflows_is_what_gets_no_answer() -> None:
    """SYNs leave the node for it, and nothing comes back; another pod's queue says nothing of it."""
    sent = paths.direction(paths.data(100, 0))
    unanswered = replace(paths.LOST, endpoint=paths.SECOND, endpoint_port=8080, to_server=sent)
    for server, left in ((paths.PODS[2], []), (paths.PODS[1], ["endpoint_failing"])):
        full = replace(
            pod({}, {"TcpExtListenOverflows": 9}), key=f"pod/shop/{server.name}", pod=server
        )
        found_ = rules.findings(paths.snapshot(paths.node(paths.WELL, unanswered), full))
        assert sorted(one.rule for one in found_) == [*left, "listen_queue"]
