"""Questions without an answer, and legs of those that have one."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from collectors.capture.flows import FlowTable
from collectors.events import Packet
from diagnosis.lookups import DnsSummary
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
    assert (found.asked, found.answered, found.unanswered, found.legs) == (20, 20, 0, 0)


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


def late(number: int, again_ns: int, answered_ns: int) -> Iterator[Packet]:
    """Asked twice, from one port, and answered once."""
    ends, at = (POD, 30_000 + number, SERVICE, 53), START + number * SECOND // 10
    yield datagram(Hop(2, IN, ends), at, message(number))
    yield datagram(Hop(2, IN, ends), at + again_ns, message(number))
    yield datagram(Hop(2, OUT, ends), at + answered_ns, message(number, True), back=True)


def test_answers_to_the_second_question() -> None:
    packets = [p for n in range(4) for p in late(n, 2 * SECOND, 2 * SECOND + 900_000)]
    found = seen(*packets, *(p for n in range(4, 9) for p in asked(n, SERVICE, answer=True)))
    assert (found.asked, found.answered, found.retried, found.repeated) == (9, 9, 4, 4)


def test_answers_that_are_late_or_asked_for_twice_at_once() -> None:
    """The server is slow: it answers the first question; or the client asks twice."""
    slow = [p for n in range(4) for p in late(n, SECOND, 2 * SECOND)]
    assert (seen(*slow).retried, seen(*slow).repeated) == (4, 0)
    twice = [p for n in range(4) for p in late(n, 900_000, 1_000_000)]
    assert seen(*twice).repeated == 0


def test_a_server_is_as_slow_as_its_answers_to_questions_that_came() -> None:
    """Where a few were lost, though they are all of the last seconds."""
    lost = [p for n in range(20, 24) for p in late(n, 5 * SECOND, 5 * SECOND + 900_000)]
    well = [p for n in range(5) for p in asked(n, SERVICE, answer=True)]
    found = seen(*well, *lost)
    assert found.median_ms is not None and found.median_ms < 2
    most = seen(*lost, *well[:4])
    assert most.median_ms is not None and most.median_ms > 5_000, "nothing else says it"


def test_a_question_that_is_asked_again_and_never_answered_was_asked_again() -> None:
    packets = [p for n in range(3) for p in list(late(n, SECOND, 0))[:2]]
    found = seen(*packets)
    assert (found.unanswered, found.retried) == (3, 3)


def named(number: int, name: str, code: int, client: str = POD) -> Iterator[Packet]:
    ends, at = (client, 30_000 + number, SERVICE, 53), START + number * SECOND // 10
    labels = b"".join(bytes([len(one)]) + one.encode() for one in name.split("."))
    question = labels + b"\0" + struct.pack(">HH", 1, 1)
    for flags, counts, back in ((0x0100, 1, False), (0x8180 | code, 1, True)):
        data = struct.pack(">HHH6x", number, flags, counts) + question
        yield datagram(Hop(2, OUT if back else IN, ends), at + back * 900_000, data, back=back)


def test_names_of_which_no_form_exists() -> None:
    """One lookup is a question a search domain; a program asked three times."""
    forms = ("bakend.shop.svc.cluster.local", "bakend.svc.cluster.local", "bakend")
    packets = [p for n in range(9) for p in named(n, forms[n % 3], 3)]
    found = seen(*packets)
    assert [(one.client, one.name, one.times) for one in found.absent] == [(POD, "bakend", 3)]


def test_names_that_a_search_domain_has_and_addresses_without_a_name() -> None:
    forms = ("backend.svc.cluster.local", "backend.shop.svc.cluster.local")
    packets = [p for n in range(8) for p in named(n, forms[n % 2], 3 * (n % 2 == 0))]
    assert not seen(*packets).absent
    assert not seen(*(p for n in range(8) for p in named(n, "1.0.0.10.in-addr.arpa", 3))).absent


def test_a_client_that_nobody_answers_beside_others() -> None:
    other = [p for n in range(6) for p in asked(10 + n, SERVICE, client=NODE, answer=True)]
    own = [p for n in range(6) for p in asked(n, SERVICE, answer=False)]
    assert seen(*other, *own).cut_off == {POD: 6}
    assert not seen(*own).cut_off, "the server answers nobody"
    assert not seen(*other, *own, *asked(7, SERVICE, answer=True)).cut_off


def test_what_a_node_asks_on_is_the_same_question() -> None:
    """Its server is another one, and its client the same."""
    legs = ((SERVICE, 0), (SERVER, 20_000))
    found = seen(*(p for n in range(9) for to, at in legs for p in asked(n, to, at, answer=True)))
    assert (found.answered, found.legs) == (18, 9)
