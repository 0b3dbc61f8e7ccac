"""A SYN queue that is full, and a burst of clients."""

from __future__ import annotations

import pytest

from tests.support.snapshots import found, pod

COOKIES, DROPS = "TcpExtTCPReqQFullDoCookies", "TcpExtTCPReqQFullDrop"


def test_many_cookies() -> None:
    finding = found(pod({}, {COOKIES: 80, "TcpExtSyncookiesSent": 80}))["syn_flood"]
    assert [one.text.split()[1] for one in finding.evidence] == ["+80", "+0", "+80"]


def test_a_syn_that_is_dropped() -> None:
    assert "syn_flood" in found(pod({}, {DROPS: 1}))


@pytest.mark.alike
def test_a_burst_whose_clients_are_all_let_in_by_cookies() -> None:
    assert "syn_flood" not in found(pod({}, {COOKIES: 6, "TcpExtSyncookiesSent": 6}))


def test_cookies_that_are_always_sent() -> None:
    """tcp_syncookies = 2."""
    assert "syn_flood" not in found(pod({}, {"TcpExtSyncookiesSent": 500}))


def test_a_flood_of_yesterday() -> None:
    assert "syn_flood" not in found(pod({COOKIES: 9_000, DROPS: 9_000}))


def test_cookies_for_every_syn() -> None:
    """net.ipv4.tcp_syncookies = 2: no queue is full."""
    setting = "sysctl net.ipv4.tcp_syncookies"
    assert "syn_flood" not in found(pod({setting: 2}, {COOKIES: 500}))
    assert "syn_flood" in found(pod({setting: 1}, {COOKIES: 500}))
    assert "syn_flood" in found(pod({setting: 2}, {COOKIES: 500, DROPS: 3}))
