"""CPUs whose packet budget runs out: with losses, and without."""

from __future__ import annotations

import pytest

from tests.support.snapshots import found, node, pod

SQUEEZED = {"softnet_time_squeeze": 900}


def test_packets_are_dropped_as_well() -> None:
    finding = found(node({}, {**SQUEEZED, "softnet_dropped": 40}))["softnet"]
    assert finding.severity == "warning" and "60 times a second" in finding.title


def test_a_busy_node_that_loses_nothing_is_worth_a_line_and_no_warning() -> None:
    assert found(node({}, SQUEEZED))["softnet"].severity == "info"


@pytest.mark.alike
def test_a_few_are_usual() -> None:
    assert "softnet" not in found(node({}, {"softnet_time_squeeze": 200}))


def test_a_pod_has_no_softnet_of_its_own() -> None:
    """The counters of /proc/net/softnet_stat are the whole node's, wherever they are read."""
    assert "softnet" not in found(pod({}, SQUEEZED))
