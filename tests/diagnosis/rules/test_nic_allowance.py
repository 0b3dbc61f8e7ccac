"""Allowances of a cloud's instance: those that drop, and those that queue first."""

from __future__ import annotations

import pytest

from tests.support.snapshots import found, node


def test_what_exceeds_the_allowance_for_dns_is_dropped() -> None:
    finding = found(node({}, {"ethtool/eth0/linklocal_allowance_exceeded": 7}))["nic_allowance"]
    assert (finding.severity, finding.confidence) == ("critical", "certain")
    assert finding.title.startswith("The cloud drops packets")


def test_what_exceeds_its_bandwidth_waits_or_is_dropped() -> None:
    deltas = {"ethtool/eth0/bw_out_allowance_exceeded": 900}
    finding = found(node({}, deltas))["nic_allowance"]
    assert (finding.severity, finding.confidence) == ("warning", "likely")
    assert "queues or drops" in finding.title


@pytest.mark.alike
def test_a_short_burst_waits_for_a_moment() -> None:
    for name in ("bw_in", "bw_out", "pps"):
        deltas = {f"ethtool/eth0/{name}_allowance_exceeded": 40}
        assert "nic_allowance" not in found(node({}, deltas))


def test_counters_of_long_ago_and_what_is_left_of_an_allowance() -> None:
    old = {"ethtool/eth0/linklocal_allowance_exceeded": 70_000}
    assert "nic_allowance" not in found(node(old))
    left = {"ethtool/eth0/conntrack_allowance_available": 70_000}
    assert "nic_allowance" not in found(node({}, left))
