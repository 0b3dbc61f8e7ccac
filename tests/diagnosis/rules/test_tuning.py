"""Settings that are small for what a node carries."""

from __future__ import annotations

import pytest

from tests.support.snapshots import found, node, pod

SMALL = {"sysctl fs.file-max": 20_000, "sysctl net.core.somaxconn": 128}


def test_a_busy_node_with_small_limits() -> None:
    finding = found(node(SMALL))["tuning"]
    assert finding.severity == "info"
    assert finding.title.startswith("fs.file-max, net.core.somaxconn: small")
    assert "net.core.somaxconn = 1024" in finding.fix


@pytest.mark.alike
def test_a_node_that_carries_little() -> None:
    assert "tuning" not in found(node({**SMALL, "conntrack_count": 900}))


def test_settings_that_are_large_enough_or_unknown() -> None:
    fits = {"sysctl fs.file-max": 9_000_000, "sysctl net.core.somaxconn": 4_096}
    assert "tuning" not in found(node(fits))
    assert "tuning" not in found(node({"sysctl fs.file-max": 0}))


def test_a_pod_is_not_a_node() -> None:
    assert "tuning" not in found(pod(SMALL))
