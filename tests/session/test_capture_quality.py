"""Captures that have packets twice, one direction alone, or not all; and good ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from collectors.capture.flows import FlowTable
from collectors.events import Packet
from diagnosis.lookups import DnsSummary
from diagnosis.paths import Retransmissions
from session.capture_quality import CaptureQuality, corrected, quality
from tests.support.node_capture import (
    ACK,
    COOKED2,
    IN,
    PUSH,
    SECOND,
    SYN,
    SYN_ACK,
    Hop,
    Segment,
)
from tests.support.one_interface import captured, retransmitting, talk

ETHERNET, HEADER = 1, bytes(12) + b"\x08\x00"
CLIENT, SERVER = "10.244.1.6", "10.96.0.7"
AGAIN = SECOND  # when a SYN is retransmitted
COPY = 3_000  # when a mirror port has it once more


def exchange(port: int) -> Iterable[tuple[int, bool, Segment]]:
    yield 0, False, Segment(SYN, 1_000 * port, ident=port)
    yield 1_000, True, Segment(SYN_ACK, 5, 1_000 * port + 1)
    yield 2_000, False, Segment(ACK, 1_000 * port + 1, 6)
    yield 9_000, False, Segment(PUSH, 1_000 * port + 1, 6, 100)
    yield 20_000, True, Segment(PUSH, 6, 1_000 * port + 101, 900)


def of(
    dropped: Iterable[str] = (), again: int = 0, count: int = 40, interface: int = 0
) -> CaptureQuality:
    """`dropped`: 'back', 'there', or 'SYN-ACKs' of every fourth; `again` is how much later each
    packet is there once more. Of a node's capture where there is an `interface`."""
    packets = []
    for port in range(40_000, 40_000 + count):
        hop = Hop(interface, IN, (CLIENT, port, SERVER, 80))
        for at, is_back, segment in exchange(port):
            is_lost = segment.flags == SYN_ACK and "SYN-ACKs" in dropped and not port % 4
            if is_lost or ("back" if is_back else "there") in dropped:
                continue
            for ns in (0, again) if again else (0,):
                one = segment.at(hop, 100 * SECOND + port * SECOND // 100 + at + ns, is_back)
                packets.append(one if interface else _on_ethernet(one))
    table = FlowTable(hops=True)
    link = COOKED2 if interface else ETHERNET
    table.add(link, sorted(packets, key=lambda packet: packet.ns))
    return quality(table.flows)


def _on_ethernet(one: Packet) -> Packet:
    return Packet(one.ns, HEADER + one.data[20:], one.length - 6)


def test_packets_that_are_there_twice() -> None:
    assert of(again=COPY).doubled
    lossy = captured(retransmitting(Retransmissions(syn=90, timeout=90), retried=90)).targets[0]
    (row,) = corrected(lossy, CaptureQuality(doubled=True)).paths
    assert not row.to_server.retransmitted.total and not row.retried


@pytest.mark.alike
def test_syns_that_are_retransmitted_are_no_copies() -> None:
    assert of(again=AGAIN) == CaptureQuality()
    view = captured(retransmitting(), talks=(talk(retransmitted=9),)).targets[0]
    assert corrected(view, CaptureQuality()) is view


@pytest.mark.parametrize("missing", ["back", "there"])
def test_one_direction_says_nothing_of_answers(missing: str) -> None:
    assert of((missing,)).one_sided and not of((missing,), count=2).one_sided
    view = captured(retransmitting()).targets[0]
    view = replace(view, lookups=DnsSummary(asked=9, unanswered=9))
    assert corrected(view, CaptureQuality(one_sided=True)).lookups is None
    assert not of().one_sided and corrected(view, of()).lookups is not None


def test_what_the_capture_lost_is_what_connections_cannot_have_been_without() -> None:
    assert of(("SYN-ACKs",)).lost == of(("SYN-ACKs",), interface=2).lost == 25.0
    view = captured(retransmitting()).targets[0]
    assert corrected(view, CaptureQuality(lost=25.0)).capture_loss == 25.0
    assert of().lost == 0
