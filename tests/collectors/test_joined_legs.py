"""Flows that are legs of one connection, and those that only look like it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from collectors.capture.flows import FlowTable
from collectors.capture.joined_legs import joined
from collectors.events import Packet
from tests.support.node_capture import COOKED2, IN, OUT, SYN, Hop, Segment, datagram

POD, SERVICE, ENDPOINT, NODE = "10.244.1.6", "10.96.0.10", "10.244.2.3", "10.0.77.11"
MS = 1_000_000
QUESTION = b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\7backend\4shop\3svc\7cluster\5local\0\0\1\0\1"


def legs_of(packets: Iterable[Packet]) -> list[list[tuple[str, int]]]:
    """The clients' ends of the legs of each connection."""
    table = FlowTable(hops=True)
    table.add(COOKED2, sorted(packets, key=lambda packet: packet.ns))
    return [[_client(flow.client) for flow in legs] for legs in joined(table.flows)]


def _client(end: object) -> tuple[str, int]:
    address, port = end.address, end.port  # type: ignore[attr-defined]
    return ".".join(map(str, address)), port


def question(ends: Sequence[object], ns: int, interface: int = 2) -> Packet:
    return datagram(Hop(interface, IN, tuple(ends)), ns, QUESTION)  # type: ignore[arg-type]


def test_one_question_from_thousands_of_sockets_is_thousands_of_questions() -> None:
    """Each is translated to an endpoint: two legs."""
    packets = []
    for n in range(5_000):
        packets.append(question((POD, 10_000 + n, SERVICE, 53), n * MS))
        packets.append(question((POD, 10_000 + n, ENDPOINT, 53), n * MS + 20, interface=3))
    found = legs_of(packets)
    assert len(found) == 5_000 and all(len(legs) == 2 for legs in found)
    assert all(first == second for first, second in found)


def test_a_question_that_is_masqueraded_is_one_and_a_later_one_is_another() -> None:
    found = legs_of(
        [
            question((POD, 40_000, SERVICE, 53), 0),
            question((NODE, 61_000, ENDPOINT, 53), 30, interface=3),
            question((POD, 40_001, SERVICE, 53), 500 * MS),
        ]
    )
    assert found == [[(POD, 40_000), (NODE, 61_000)], [(POD, 40_001)]]


def test_two_pods_with_one_question_at_once_are_not_joined_by_a_third_port() -> None:
    """What cannot be decided is at most one connection an address."""
    found = legs_of(
        [
            question((POD, 40_000, SERVICE, 53), 0),
            question((POD, 40_001, SERVICE, 53), 1_000),
            question((NODE, 61_000, ENDPOINT, 53), 1_030, interface=3),
        ]
    )
    assert sorted(map(len, found)) == [1, 2]


def test_a_scanner_with_one_sequence_number_has_a_connection_a_port() -> None:
    packets = [
        Segment(SYN, 7, ident=n).at(Hop(2, side, (POD, 50_000, ENDPOINT, n)), n * MS + side)
        for n in range(1, 2_000)
        for side in (IN, OUT)
    ]
    assert len(legs_of(packets)) == 1_999


def test_a_syn_that_is_translated_twice_is_one_connection() -> None:
    ends = (
        (POD, 50_000, SERVICE, 80),
        (POD, 50_000, ENDPOINT, 8080),
        (NODE, 61_000, ENDPOINT, 8080),
    )
    packets = [Segment(SYN, 7, ident=9).at(Hop(n, IN, one), n) for n, one in enumerate(ends, 2)]
    assert [len(legs) for legs in legs_of(packets)] == [3]
