"""A node that cannot resolve another, and entries that say nothing of today."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from collectors.events import NeighbourRow, NodeRow
from collectors.findings import Finding
from diagnosis.snapshot import Conversation
from tests.support.snapshots import API, NODE, OTHER, POD, SETUP, found, node

FAILED = NeighbourRow("192.168.0.2", "eth0")
ASKED = {"arp_res_failed": 5}


def neighbour(row: NeighbourRow = FAILED, **more: Any) -> Finding | None:
    rows = {"nodes": (NODE, more.pop("other", OTHER))}
    view = {"values": {"arp_res_failed": 900}, "deltas": ASKED, **more}
    return found(node(network=replace(SETUP, neighbours=(row,)), **view), **rows).get("neighbour")


def test_look_ups_of_another_node_fail() -> None:
    finding = neighbour()
    assert finding is not None
    assert finding.title == "n1 cannot resolve the link-layer address of n2"
    assert "ip neigh flush to 192.168.0.2 dev eth0" in finding.fix


def test_packets_are_dropped_meanwhile() -> None:
    assert neighbour(deltas={"arp_unresolved_discards": 40}) is not None


def test_look_ups_that_nobody_counts_are_believed() -> None:
    assert neighbour(values={}, deltas={}) is not None


@pytest.mark.alike
def test_an_entry_that_failed_long_ago() -> None:
    """Nobody has sent to it since: the next packet looks it up again."""
    assert neighbour(deltas={}) is None


@pytest.mark.alike
def test_a_node_that_is_switched_off() -> None:
    assert neighbour(other=replace(OTHER, ready=False)) is None


def test_an_address_that_is_resolved_or_no_node_s() -> None:
    assert neighbour(replace(FAILED, lladdr="02:00:00:00:00:02")) is None
    assert neighbour(replace(FAILED, address="192.168.0.77")) is None


def moment(
    *rows: NeighbourRow, nodes: tuple[NodeRow, NodeRow] = (NODE, OTHER), **talks: Any
) -> bool:
    seen = Conversation("TCP", POD.ip, API.ip, 80, flows=5, **talks)
    view = node({"arp_res_failed": 900}, ASKED, network=replace(SETUP, neighbours=rows))
    return "neighbour" in found(replace(view, conversations=(seen,)), nodes=nodes)


def test_a_node_of_two_networks_is_known_on_one() -> None:
    known = NeighbourRow(FAILED.address, "eth1", "02:00:00:00:00:02")
    assert not moment(FAILED, known, unanswered=5)
    assert moment(FAILED, unanswered=5)


def test_lookups_of_others_fail_and_pods_of_that_node_answer() -> None:
    """The entry is of before; a pod that is gone is asked for now."""
    gone = NeighbourRow("10.1.0.99", "cni0")
    assert not moment(FAILED, gone, answered=5, opened=95.0)
    assert moment(FAILED, gone, answered=5, opened=95.0, unanswered=1)


def test_ipv6_whose_lookups_nobody_counts() -> None:
    nodes = (replace(NODE, address="fd0a::1"), replace(OTHER, address="fd0a::2"))
    failed = NeighbourRow("fd0a::2", "eth0")
    assert moment(failed, nodes=nodes, unanswered=5)
    assert not moment(failed, nodes=nodes)
