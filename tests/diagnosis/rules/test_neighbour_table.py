"""A neighbour table that is full, or nearly."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collectors.events import NeighbourRow
from tests.support.snapshots import SETUP, found, node, pod

LIMIT = "sysctl net.ipv4.neigh.default.gc_thresh3"


def test_it_overflows() -> None:
    finding = found(node({"arp_entries": 1024, LIMIT: 1024}, {"arp_table_fulls": 3}))
    assert finding["neighbour_table"].severity == "critical"
    assert "gc_thresh3 = 4096" in finding["neighbour_table"].fix


def test_it_is_nearly_full() -> None:
    finding = found(node({"arp_entries": 950, LIMIT: 1024}))["neighbour_table"]
    assert (finding.severity, finding.title) == ("warning", "The neighbour table is 93 % full")


@pytest.mark.alike
def test_a_large_table_of_a_large_cluster() -> None:
    assert "neighbour_table" not in found(node({"arp_entries": 6_000, LIMIT: 8_192}))


def test_an_overflow_of_last_week_and_a_size_that_is_unknown() -> None:
    assert "neighbour_table" not in found(node({"arp_entries": 90, "arp_table_fulls": 70}))
    assert "neighbour_table" not in found(node({"arp_entries": 90_000}))


def test_the_table_is_the_whole_node_s() -> None:
    assert "neighbour_table" not in found(pod({"arp_entries": 950, LIMIT: 1024}))


@pytest.mark.alike
def test_entries_that_a_cni_wrote_for_other_nodes() -> None:
    """They do not count against the limit since Linux 5.0."""
    rows = tuple(
        NeighbourRow(f"10.{n // 250}.{n % 250}.0", "flannel.1", "02:77", permanent=True)
        for n in range(1_100)
    )
    values = {"arp_entries": 1_130, LIMIT: 1024}

    def seen(kernel: str, entries: tuple[NeighbourRow, ...] = rows) -> bool:
        state = replace(SETUP, neighbours=entries, kernel=kernel)
        return "neighbour_table" in found(node(values, network=state))

    assert not seen("6.1.0-18-amd64") and not seen("")
    assert seen("4.18.0-513.el8")
    assert seen("6.1.0-18-amd64", tuple(replace(row, permanent=False) for row in rows))
