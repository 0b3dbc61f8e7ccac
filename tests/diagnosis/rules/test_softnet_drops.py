"""A CPU whose backlog is full."""

from __future__ import annotations

import pytest

from tests.support.snapshots import found, node, pod


def test_each_drop_is_a_lost_packet() -> None:
    finding = found(node({}, {"softnet_dropped": 3}))["softnet_drops"]
    assert "softnet_dropped +3 in 15 s" in finding.evidence[0].text


def test_old_drops_do_not_count() -> None:
    """Of a backup last night: the counter is large, and does not increase."""
    assert "softnet_drops" not in found(node({"softnet_dropped": 9_000}))


@pytest.mark.alike
def test_flow_limits_drop_on_purpose() -> None:
    assert "softnet_drops" not in found(node({}, {"softnet_flow_limit": 90}))


def test_a_pod_has_none_of_its_own() -> None:
    assert "softnet_drops" not in found(pod({}, {"softnet_dropped": 3}))


def test_a_flow_limit_drops_the_largest_on_purpose() -> None:
    for limited, text in ((50, "largest flows"), (3, "their backlog is full")):
        finding = found(node({}, {"softnet_dropped": 50, "softnet_flow_limit": limited}))[
            "softnet_drops"
        ]
        assert text in finding.title
        assert ("netdev_max_backlog" in finding.fix) == (limited == 3)
