"""CPU time that a hypervisor withholds."""

from __future__ import annotations

import pytest

from tests.support.snapshots import CPU, found, node, pod


def test_a_share_of_all_time() -> None:
    finding = found(node({}, {**CPU, "cpu_steal": 400}))["cpu_steal"]
    assert finding.title == "The hypervisor withholds 13 % of the CPU time"


@pytest.mark.alike
def test_some_is_usual_on_a_shared_host() -> None:
    assert "cpu_steal" not in found(node({}, {**CPU, "cpu_steal": 270}))


def test_a_node_that_is_busy_by_itself() -> None:
    busy = {**CPU, "cpu_user": 2_900, "cpu_steal": 10}
    assert "cpu_steal" not in found(node({}, busy))


def test_a_sample_without_a_total_and_steal_of_long_ago() -> None:
    assert "cpu_steal" not in found(node({}, {"cpu_steal": 400}))
    assert "cpu_steal" not in found(node({"cpu_steal": 90_000}, CPU))
    assert "cpu_steal" not in found(pod({}, {**CPU, "cpu_steal": 400}))
