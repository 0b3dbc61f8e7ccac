"""SYNs that are dropped for a reason that no other rule has."""

from __future__ import annotations

import pytest

from tests.support.snapshots import found, pod

DROPS = "TcpExtListenDrops"


def test_drops_beside_the_overflows() -> None:
    finding = found(pod({}, {DROPS: 8}))["listen_drops"]
    assert (finding.severity, finding.confidence) == ("warning", "possible")


@pytest.mark.alike
def test_each_overflow_is_a_drop_as_well() -> None:
    counted = found(pod({}, {DROPS: 30, "TcpExtListenOverflows": 28}))
    assert "listen_drops" not in counted and "listen_queue" in counted


def test_a_full_syn_queue_is_another_finding() -> None:
    assert "listen_drops" not in found(pod({}, {DROPS: 8, "TcpExtTCPReqQFullDrop": 8}))


@pytest.mark.alike
def test_a_program_that_closed_its_socket_while_some_arrived() -> None:
    assert "listen_drops" not in found(pod({}, {DROPS: 4}))
    assert "listen_drops" not in found(pod({DROPS: 9_000}))
