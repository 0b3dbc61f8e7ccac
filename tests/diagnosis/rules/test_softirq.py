"""One CPU that is busy with packets, and all of them."""

from __future__ import annotations

import pytest

from tests.support.snapshots import CPU, found, node


def test_one_busy_cpu_of_two() -> None:
    busy = {**CPU, "cpu/0/softirq": 1200, "cpu/1/softirq": 60}
    finding = found(node({}, busy))["softirq"]
    assert "CPU 0 is busy" in finding.title
    assert "CPU 0 80 % softirq, CPU 1 4 % softirq" in finding.evidence[0].text


@pytest.mark.alike
def test_all_cpus_are_busy_alike() -> None:
    """Receive queues are spread already."""
    alike = {**CPU, "cpu/0/softirq": 1200, "cpu/1/softirq": 900}
    assert "softirq" not in found(node({}, alike))


def test_a_machine_of_one_cpu() -> None:
    one = {"cpu_total": 1500, "cpu/0/total": 1500, "cpu/0/softirq": 1200}
    assert "softirq" not in found(node({}, one))


def test_below_the_threshold() -> None:
    assert "softirq" not in found(node({}, {**CPU, "cpu/0/softirq": 700}))


def test_a_flood_is_another_finding() -> None:
    flood = {**CPU, "cpu/0/softirq": 1200, "UdpNoPorts": 900_000}
    assert "softirq" not in found(node({}, flood))
