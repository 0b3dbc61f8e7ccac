"""Conntrack entries that lead to an endpoint that is gone, and a table that was read before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from collectors.events import ConntrackGroup, ServicePort, ServiceRow, SliceRow
from collectors.findings import Finding
from tests.support.snapshots import API, NEAR, NODE, POD, conntrack_table, found, node

SERVICE = ServiceRow("shop", "log", ("10.96.0.7",), ("514/UDP",), "ClusterIP", API.labels)
SLICE = SliceRow("shop", "log-a", "log", (API.ip,), (), changed=50.0)
GONE = ConntrackGroup(3, "udp", "", POD.ip, "10.96.0.7", 514, "10.2.0.99", 514, False, False)


def stale(group: ConntrackGroup = GONE, **rows: Any) -> Finding | None:
    known = {"services": (SERVICE,), "slices": (SLICE,), **rows}
    return found(node(conntrack=conntrack_table((group,))), **known).get("stale_udp")


def test_an_entry_to_an_endpoint_that_is_gone() -> None:
    finding = stale()
    assert finding is not None and "10.2.0.99" in finding.title
    assert "3 entries shop/web-1" in finding.evidence[0].text
    assert "--reply-src 10.2.0.99" in finding.fix


@pytest.mark.alike
def test_entries_to_endpoints_ready_or_not() -> None:
    assert stale(replace(GONE, reply_source=API.ip)) is None
    ending = replace(SLICE, not_ready=("10.2.0.99",))
    assert stale(slices=(ending,)) is None


def test_a_rollout_that_is_newer_than_the_table() -> None:
    assert stale(slices=(replace(SLICE, changed=150.0),)) is None
    assert stale(slices=(replace(SLICE, changed=95.0),)) is None


def test_endpoints_that_could_not_be_listed() -> None:
    assert stale(slices=()) is None


def test_tcp_and_what_is_not_translated() -> None:
    assert stale(replace(GONE, protocol="tcp", state="ESTABLISHED")) is None
    assert stale(replace(GONE, reply_source="10.96.0.7")) is None
    assert stale(replace(GONE, destination=NEAR.ip)) is None


def test_a_balancer_s_address_and_a_node_port() -> None:
    port = ServicePort("log", 514, "UDP", "514", 30514)
    service = replace(SERVICE, outer_ips=("203.0.113.7",), targets=(port,))
    for address, number in (("203.0.113.7", 514), (NODE.address, 30514)):
        entry = replace(GONE, source="198.51.100.4", destination=address, port=number)
        assert stale(entry, services=(service,)) is not None
        assert stale(replace(entry, reply_source=API.ip), services=(service,)) is None
    other = replace(GONE, destination=NODE.address, port=30599)
    assert stale(other, services=(service,)) is None
