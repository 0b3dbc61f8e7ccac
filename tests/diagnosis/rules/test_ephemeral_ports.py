"""Local ports that run out, and ports that may be used again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from collectors.events import ConntrackGroup
from collectors.findings import Finding
from collectors.sockets.rows import SocketRow
from diagnosis.paths import PathRow
from tests.support.snapshots import API, POD, SNAT, conntrack_table, found, node, pod

RANGE = {"port_range_low": 32_768, "port_range_high": 60_999}
REUSE = "sysctl net.ipv4.tcp_tw_reuse"
WAITING = SocketRow("tcp", "TIME-WAIT", POD.ip, 0, API.ip, 8080, alike=26_000)
OUTSIDE = "203.0.113.9"


def own(used: int, reuse: int = 2, *rows: SocketRow, **more: Any) -> Finding | None:
    values = {**RANGE, REUSE: reuse, **more}
    view = pod(values, ports_used=((f"{API.ip}:8080", used),), sockets=rows)
    return found(view).get("ephemeral_ports")


def test_most_ports_towards_one_destination_are_in_use() -> None:
    finding = own(27_000, 2, WAITING)
    assert finding is not None and finding.severity == "critical"
    assert finding.title == "96 % of the local ports towards shop/api-1:8080 are in use"
    assert "26,000 of its sockets are in TIME-WAIT" in finding.evidence[1].text


@pytest.mark.alike
def test_ports_in_time_wait_that_may_be_used_again() -> None:
    assert own(27_000, 1, WAITING) is None
    assert own(27_000, 1, WAITING._replace(alike=2_000)) is not None


def test_a_sidecar_s_connections_to_its_own_pod() -> None:
    """On the loopback the kernel uses ports in TIME-WAIT again by itself; not towards others."""
    waiting = WAITING._replace(peer="127.0.0.1")
    view = pod({**RANGE, REUSE: 2}, ports_used=(("127.0.0.1:8080", 27_000),), sockets=(waiting,))
    assert "ephemeral_ports" not in found(view)
    few = waiting._replace(alike=2_000)
    view = pod({**RANGE, REUSE: 2}, ports_used=(("127.0.0.1:8080", 27_000),), sockets=(few,))
    assert "ephemeral_ports" in found(view)


def test_time_wait_towards_another_port_of_the_same_address() -> None:
    assert own(27_000, 1, WAITING._replace(peer_port=9090)) is not None


def test_as_many_connections_to_many_destinations_or_a_larger_range() -> None:
    assert own(19_000) is None
    assert own(27_000, 2, port_range_low=1_024, port_range_high=65_000) is None


def test_a_range_that_is_not_known() -> None:
    view = pod(ports_used=((f"{API.ip}:8080", 27_000),))
    assert "ephemeral_ports" not in found(view)


def path(sent_as: str) -> PathRow:
    return PathRow("TCP", POD.ip, OUTSIDE, 443, OUTSIDE, 443, sent_as, connections=9)


def snat(*paths: PathRow) -> Finding | None:
    return found(node(conntrack=SNAT, paths=paths)).get("ephemeral_ports")


def test_the_ports_of_a_node_s_address() -> None:
    for finding in (snat(), snat(path("192.168.0.1"))):
        assert finding is not None and "93 % of the node's SNAT ports" in finding.title


def test_pods_that_leave_with_their_own_addresses_use_none_of_them() -> None:
    assert snat(path(POD.ip)) is None


def test_what_stays_in_the_cluster_or_begins_outside_of_it() -> None:
    (group,) = SNAT.groups
    for other in (
        replace(group, destination=API.ip, reply_source=API.ip),
        replace(group, source=OUTSIDE, destination="192.168.0.1"),
        replace(group, count=40_000),
    ):
        rows: tuple[ConntrackGroup, ...] = (other,)
        assert "ephemeral_ports" not in found(node(conntrack=conntrack_table(rows)))
