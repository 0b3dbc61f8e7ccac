"""A UDP reader that is too slow, a burst, and the few drops of a start."""

from __future__ import annotations

import pytest

from collectors.sockets.rows import SocketRow
from tests.support.snapshots import POD, found, pod

SLOW = SocketRow("udp", "UNCONN", "0.0.0.0", 514, "*", 0, recv_q=212_992)


def test_a_reader_that_is_too_slow_is_named_by_its_port() -> None:
    deltas = {"UdpRcvbufErrors": 9_000, "UdpInDatagrams": 3_000}
    finding = found(pod({}, deltas, sockets=(SLOW,)))["udp_buffer"]
    assert "the receive buffer of UDP port 514 is full: the reader is too slow" in finding.title
    assert finding.severity == "critical"
    assert "75 % of the datagrams" in finding.evidence[-1].text


def test_a_burst_whose_buffer_is_empty_again() -> None:
    idle = SLOW._replace(recv_q=0, local=POD.ip)
    deltas = {"Udp6RcvbufErrors": 40, "Udp6InDatagrams": 9_000}
    finding = found(pod({}, deltas, sockets=(idle,)))["udp_buffer"]
    assert "a burst, or a reader that is too slow" in finding.title
    assert finding.severity == "warning"


@pytest.mark.alike
def test_a_few_drops_and_unread_datagrams_alone_are_no_finding() -> None:
    deltas = {"UdpRcvbufErrors": 9, "UdpInDatagrams": 3_000}
    assert "udp_buffer" not in found(pod({}, deltas, sockets=(SLOW,)))
