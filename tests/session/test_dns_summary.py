"""Questions without an answer, and legs of those that have one."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from collectors.capture.flows import FlowTable
from collectors.events import Packet
from diagnosis.snapshot import DnsSummary
from session.dns_summary import summary
from tests.support.node_capture import COOKED2, IN, OUT, SECOND, Hop, datagram

POD, NODE, SERVICE, SERVER = "10.244.1.6", "10.0.77.11", "10.96.0.10", "10.244.2.3"
START = 100 * SECOND
NAME = b"\x07backend\x04shop\x00" + struct.pack(">HH", 1, 1)


def message(number: int, answer: bool = False) -> bytes:
    return struct.pack(">HHH6x", number, 0x8180 if answer else 0x0100, 1) + NAME


def asked(
    number: int, server: str, after_ns: int = 0, client: str = POD, *, answer: bool
) -> Iterator[Packet]:
    ends = (client, 30_000 + number, server, 53)
    at = START + number * SECOND // 10 + after_ns
    yield datagram(Hop(2, IN, ends), at, message(number))
    if answer:
        yield datagram(Hop(2, OUT, ends), at + 900_000, message(number, True), back=True)


def seen(*packets: Packet) -> DnsSummary:
    table = FlowTable(hops=True)
    late = ("192.0.2.1", 9, "192.0.2.2", 9)
    later = datagram(Hop(2, IN, late), START + 6 * SECOND, b"x")
    table.add(COOKED2, [*sorted(packets, key=lambda packet: packet.ns), later])
    found = summary(table)
    assert found is not None
    return found


def test_a_leg_that_has_the_question_alone_was_answered() -> None:
    """Masqueraded between the pod's port and the bridge: the answer has other addresses there."""
    packets = [
        packet
        for number in range(10)
        for leg in (
            asked(number, SERVICE, answer=True),
            asked(number, SERVER, 20_000, answer=False),
            asked(number, SERVER, 40_000, NODE, answer=True),
        )
        for packet in leg
    ]
    found = seen(*packets)
    assert (found.asked, found.answered, found.unanswered) == (20, 20, 0)


def test_questions_that_nobody_answers() -> None:
    packets = [p for n in range(10) for p in asked(n, SERVICE, answer=n > 3)]
    found = seen(*packets)
    assert (found.asked, found.unanswered) == (10, 4)


def test_what_is_lost_behind_the_translation_is_unanswered_on_both_legs() -> None:
    packets = [
        packet
        for number in range(10)
        for leg in (
            asked(number, SERVICE, answer=number > 3),
            asked(number, SERVER, 20_000, answer=number > 3),
        )
        for packet in leg
    ]
    assert seen(*packets).unanswered == 8


def test_another_client_at_the_same_time() -> None:
    packets = [*asked(1, SERVICE, answer=True), *asked(1, SERVER, 20_000, NODE, answer=False)]
    assert seen(*packets).unanswered == 1


def test_a_question_just_before_the_end_of_a_capture_is_not_unanswered_yet() -> None:
    answered = [p for n in range(10) for p in asked(n, SERVICE, answer=True)]
    found = seen(*answered, *asked(59, SERVICE, answer=False))
    assert (found.asked, found.answered, found.unanswered) == (10, 10, 0)
    found = seen(*answered, *asked(39, SERVICE, answer=False))
    assert (found.asked, found.unanswered) == (11, 1)
