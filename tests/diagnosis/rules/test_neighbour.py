"""A node that cannot resolve another, and entries that say nothing of today."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from collectors.events import NeighbourRow
from collectors.findings import Finding
from tests.support.snapshots import NODE, OTHER, SETUP, found, node

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


def test_an_entry_that_failed_long_ago() -> None:
    """Nobody has sent to it since: the next packet looks it up again."""
    assert neighbour(deltas={}) is None


def test_a_node_that_is_switched_off() -> None:
    assert neighbour(other=replace(OTHER, ready=False)) is None


def test_an_address_that_is_resolved_or_no_node_s() -> None:
    assert neighbour(replace(FAILED, lladdr="02:00:00:00:00:02")) is None
    assert neighbour(replace(FAILED, address="192.168.0.77")) is None
