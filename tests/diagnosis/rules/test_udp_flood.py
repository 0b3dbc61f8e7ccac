"""A flood of datagrams to a closed port."""

from __future__ import annotations

import pytest

from tests.support.snapshots import CPU, found, node, pod


def test_thousands_a_second() -> None:
    busy = {**CPU, "cpu/0/softirq": 1200, "UdpNoPorts": 900_000}
    finding = found(node({}, busy))["udp_flood"]
    assert "60,000 datagrams a second" in finding.title
    assert "CPU 0 80 % softirq" in finding.evidence[0].text


@pytest.mark.alike
def test_a_syslog_sender_whose_server_is_gone() -> None:
    assert "udp_flood" not in found(node({}, {"UdpNoPorts": 20_000}))


@pytest.mark.alike
def test_as_many_datagrams_to_a_port_that_is_open() -> None:
    assert "udp_flood" not in found(node({}, {"UdpInDatagrams": 900_000}))


def test_what_came_long_ago_and_in_a_pod() -> None:
    assert "udp_flood" not in found(node({"UdpNoPorts": 900_000}))
    assert "udp_flood" not in found(pod({}, {"UdpNoPorts": 900_000}))


def test_ipv6_is_counted_apart() -> None:
    busy = {**CPU, "cpu/0/softirq": 1_200, "cpu/1/softirq": 10}
    counted = found(node({}, {**busy, "Udp6NoPorts": 60_000}))
    assert "udp_flood" in counted and "softirq" not in counted
