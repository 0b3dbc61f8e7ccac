"""The reason that a list of flows gives: each share of a whole that it is in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from collectors.capture.flow_problems import flow_problem
from collectors.capture.flows import FlowTable
from collectors.capture.tcp import TcpFlow
from collectors.events import Packet
from tests.support import capture_digest
from tests.support.node_capture import (
    ACK,
    COOKED2,
    FIN,
    OUT,
    PUSH,
    SECOND,
    SYN,
    SYN_ACK,
    Hop,
    Segment,
)

SEEDS = 40
HOP = Hop(2, OUT, ("10.244.1.6", 40_000, "10.244.1.3", 8080))
Sent = tuple[bool, Segment]
OPENED: list[Sent] = [
    (False, Segment(SYN, 0)),
    (True, Segment(SYN_ACK, 0, 1)),
    (False, Segment(ACK, 1, 1)),
]
ASKED: list[Sent] = [
    (False, Segment(PUSH, 1, 1, 5)),
    (True, Segment(PUSH, 1, 6, 6)),
    (False, Segment(ACK, 6, 7)),
]
CLOSED: list[Sent] = [(False, Segment(FIN, 6, 7))]


def connection(sent: Sequence[Sent]) -> TcpFlow:
    """A packet every 2 s."""
    table = FlowTable()
    packets = [s.at(HOP, (2 * n + 1) * SECOND, back) for n, (back, s) in enumerate(sent)]
    table.add(COOKED2, packets)
    (flow,) = table.flows
    assert isinstance(flow, TcpFlow)
    return flow


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (3 * OPENED[:1] + OPENED[1:] + ASKED, "2 SYNs retransmitted"),
        (OPENED[:1] + 2 * OPENED[1:2] + OPENED[2:] + ASKED, "1 SYN-ACK retransmitted"),
        (OPENED + ASKED + 10 * CLOSED, "9 FINs retransmitted"),
        (
            OPENED[:1] + OPENED + 2 * ASKED[:1] + ASKED[1:] + 2 * CLOSED,
            "1 of 3 segments, 1 SYN, 1 FIN retransmitted",
        ),
        (OPENED + ASKED + CLOSED, "slow answer, 2.0 s"),
    ],
)
def test_what_is_no_data_segment_is_none_of_the_share(sent: list[Sent], reason: str) -> None:
    assert flow_problem(connection(sent))[1] == reason


def kinds(flow: TcpFlow) -> list[tuple[str, int]]:
    return [(event.kind, event.count) for event in flow.events]


def test_a_packet_makes_one_event() -> None:
    assert kinds(connection(3 * OPENED[:1])) == [("SYN", 1), ("SYN retransmission", 2)]
    assert kinds(connection(OPENED + ASKED + 10 * CLOSED))[-2:] == [
        ("FIN", 1),
        ("FIN retransmission", 9),
    ]
    last = (False, Segment(FIN, 6, 7, 20))
    assert kinds(connection([*OPENED, *ASKED, last]))[-1] == ("FIN", 1)


def test_a_capture_of_one_direction_alone_is_no_unanswered_syn() -> None:
    sent = [one for one in OPENED + ASKED if not one[0]]
    flow = connection(sent)
    assert (flow.state, flow_problem(flow)) == ("midstream", (0, "")) and flow.one_sided


def every_capture() -> Iterator[tuple[int, list[Packet]]]:
    for path in capture_digest.files():
        yield from capture_digest.read(path)
    pools = capture_digest.pools()
    yield from (capture_digest.made(seed, pools) for seed in range(SEEDS))


@pytest.mark.slow
def test_no_part_is_more_than_its_whole_in_any_capture() -> None:
    again = 0
    for linktype, packets in every_capture():
        table = FlowTable()
        table.add(linktype, packets)
        for flow in table.flows:
            if not isinstance(flow, TcpFlow):
                continue
            for side in (flow.client, flow.server):
                assert side.data_retransmitted <= side.segments <= side.packets
                again += side.data_retransmitted
                own = (e for e in flow.events if e.by_client == side.client and e.kind != "ICMP")
                assert sum(event.count for event in own) <= side.packets
    assert again > 100
