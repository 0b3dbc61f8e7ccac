"""An interface that loses packets, and one that nobody uses."""

from __future__ import annotations

import pytest

from tests.support.snapshots import SETUP, found, node, pod


def loses(received: int, lost: int, kind: str = "rx_drop", device: str = "eth0") -> bool:
    deltas = {f"dev/{device}/rx_packets": received, f"dev/{device}/{kind}": lost}
    return "nic_drops" in found(node({}, deltas))


def test_a_share_of_what_it_receives() -> None:
    deltas = {"dev/eth0/rx_packets": 1000, "dev/eth0/rx_drop": 30, "dev/eth0/rx_errs": 10}
    finding = found(node({}, deltas))["nic_drops"]
    assert finding.title == "eth0 loses 3.8 % of the packets it receives"
    assert "10 errs, 30 drop beside 1,000 packets" in finding.evidence[0].text


def test_what_it_sends_is_another_sentence() -> None:
    deltas = {"dev/eth0/tx_packets": 1000, "dev/eth0/tx_drop": 40}
    assert "it sends" in found(pod({}, deltas))["nic_drops"].title


def test_a_few_of_many() -> None:
    assert not loses(100_000, 900)
    assert not loses(400, 9)


@pytest.mark.alike
def test_an_interface_that_nobody_uses() -> None:
    """Spanning tree and LLDP frames, which this host has no use for, are all that it receives."""
    assert not loses(0, 15, device="eth1")
    assert not loses(20, 15, device="eth1")


@pytest.mark.alike
def test_frames_of_switches_that_a_quiet_interface_drops() -> None:
    """A hello of spanning tree every 2 s and VLAN, LLDP, VRRP: the kernel counts them as drops."""
    assert not loses(300, 30)
    assert loses(300, 31)
    assert loses(300, 30, "rx_errs") and loses(300, 30, "tx_errs") is False


def test_losses_of_long_ago() -> None:
    assert "nic_drops" not in found(node({"dev/eth0/rx_drop": 90_000}))


def test_a_virtual_device_has_no_ring() -> None:
    for device, is_virtual in (("flannel.1", True), ("eth0", False)):
        lost = {f"dev/{device}/tx_packets": 10_000, f"dev/{device}/tx_drop": 400}
        finding = found(node({}, lost, network=SETUP))["nic_drops"]
        assert ("ethtool -G" not in finding.fix) is is_virtual and device in finding.fix
