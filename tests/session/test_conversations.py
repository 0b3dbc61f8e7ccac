"""Which ends and waits of connections count as failures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import pytest

from collectors.capture.flows import FlowTable
from collectors.capture.joined_legs import joined
from collectors.events import Packet
from diagnosis.snapshot import Conversation
from session import conversations
from tests.support.node_capture import (
    ACK,
    COOKED2,
    IN,
    OUT,
    PUSH,
    RST,
    SECOND,
    SYN,
    SYN_ACK,
    Hop,
    Segment,
    datagram,
)

CLIENT, SERVER = "10.244.1.6", "10.244.1.3"
START = 100 * SECOND


def connection(port: int, waits: Sequence[float], last: str = "") -> Iterator[Packet]:
    """A handshake, requests that are answered after so many seconds, and how it ends: `answered`
    or `asked`, both reset by the server."""
    there, back = (Hop(2, side, (CLIENT, port, SERVER, 8080)) for side in (IN, OUT))
    ns, mine, yours = START, 1, 1
    yield Segment(SYN, 0, ident=port).at(there, ns)
    yield Segment(SYN_ACK, 0, 1).at(back, ns + 1_000, back=True)
    yield Segment(ACK, 1, 1).at(there, ns + 2_000)
    for wait in waits:
        yield Segment(PUSH, mine, yours, 80).at(there, ns + 3_000)
        ns, mine = ns + int(wait * SECOND), mine + 80
        yield Segment(PUSH, yours, mine, 100).at(back, ns, back=True)
        yours += 100
    if last == "asked":
        yield Segment(PUSH, mine, yours, 80).at(there, ns + 3_000)
        mine += 80
    if last:
        yield Segment(RST, yours, mine).at(back, ns + 4_000, back=True)


def seen(*connections: Iterator[Packet]) -> Conversation:
    table = FlowTable(hops=True)
    packets = [packet for one in connections for packet in one]
    table.add(COOKED2, sorted(packets, key=lambda packet: packet.ns))
    (only,) = conversations.recent(table.flows, joined(table.flows)).conversations()
    return only


def test_a_reset_after_the_complete_answer_is_no_failure() -> None:
    done = seen(*(connection(40_000 + n, [0.01], "answered") for n in range(3)))
    assert (done.flows, done.server_resets) == (3, 0)
    cut = seen(*(connection(40_000 + n, [0.01], "asked") for n in range(3)))
    assert cut.server_resets == 3


@pytest.mark.parametrize(
    ("waits", "slow"),
    [
        ([12.0, 12.001], 0),  # long polls
        ([12.0, 9.0], 3),  # one of them is quicker: it varies
        ([3.0, 3.0], 3),  # as a timeout of what the server asks in its turn
        ([12.0, 0.01], 3),  # it can answer at once
    ],
)
def test_answers_after_one_and_the_same_long_time_are_long_polls(
    waits: list[float], slow: int
) -> None:
    assert seen(*(connection(40_000 + n, waits) for n in range(3))).slow == slow


@pytest.mark.parametrize(
    ("waits", "patient"), [([3.0, 2.1], 1), ([1.0], 0), ([3.0, 0.2], 0), ([0.2, 0.2], 0)]
)
def test_connections_that_never_got_an_answer_soon(waits: list[float], patient: int) -> None:
    assert seen(connection(40_000, waits)).patient == patient


def reader(pauses: Sequence[float]) -> Iterator[Packet]:
    """Answers of which the client acknowledges each with a closed window; seconds until data goes
    on, or forever."""
    there, back = (Hop(2, side, (CLIENT, 40_000, SERVER, 8080)) for side in (IN, OUT))
    yield from connection(40_000, [0.001])
    ns, at = START + 2_000_000, 101
    for pause in pauses:
        yield closed(Segment(ACK, 81, at).at(there, ns))
        ns += int(pause * SECOND)
        yield Segment(ACK, 81, at).at(there, ns)
        yield Segment(PUSH, at, 81, 100).at(back, ns + 1_000, back=True)
        ns, at = ns + 2_000, at + 100
    yield closed(Segment(ACK, 81, at).at(there, ns))


def closed(packet: Packet) -> Packet:
    """With a window of 0: behind the headers of cooked v2 and of IPv4."""
    return packet._replace(data=packet.data[:54] + b"\0\0" + packet.data[56:])


def test_how_long_a_window_stays_closed() -> None:
    found = seen(reader([0.2, 0.9, 0.1]))
    assert found.client_zero_windows == 4 and 900 <= found.closed_ms < 901
    other = connection(50_000, [4.0])
    assert 2_000 < seen(reader([0.2, 0.9, 0.1]), other).closed_ms < 4_000, "it is closed still"
    assert seen(connection(40_000, [0.2])).closed_ms == 0


@pytest.mark.alike
def test_a_window_that_opens_when_nothing_more_is_sent() -> None:
    there = Hop(2, IN, (CLIENT, 40_000, SERVER, 8080))
    opened = Segment(ACK, 81, 401).at(there, START + SECOND * 3 // 2)
    other = connection(50_000, [4.0])
    assert seen(chain(reader([0.2, 0.9, 0.1]), [opened]), other).closed_ms < 901


def test_one_late_answer_alone_is_no_long_poll() -> None:
    assert seen(connection(40_000, [12.0])).slow == 1


REFUSED = "ICMP 10.244.1.3 udp port 514 unreachable"


def sent_to_a_closed_port(at: Sequence[float], errors: Sequence[float]) -> Conversation:
    """Datagrams and the ICMP errors about them, each on two interfaces; seconds."""
    table = FlowTable(hops=True)
    hops = [Hop(interface, IN, (CLIENT, 40_000, SERVER, 514)) for interface in (2, 3)]
    for when in sorted({*at, *errors}):
        ns = START + int(when * SECOND)
        if when in at:
            table.add(COOKED2, [datagram(hop, ns, b"<13>x") for hop in hops])
        for _ in hops if when in errors else ():
            table.flows[0].error(ns + 1_000, REFUSED, SERVER, of_client=True)
    (only,) = conversations.recent(table.flows, joined(table.flows)).conversations()
    return only


def test_datagrams_that_are_answered_by_icmp_errors() -> None:
    found = sent_to_a_closed_port([0, 1, 2, 3], [0, 1, 3])
    assert (found.udp_errors, found.unreachable, found.rejected) == (3, REFUSED, 0)


def test_a_receiver_that_has_begun_to_listen() -> None:
    """Nothing answers in a protocol of one direction: errors come no more."""
    assert sent_to_a_closed_port(range(12), [0, 1, 2, 3]).udp_errors == 0
    assert sent_to_a_closed_port([0, 9, 18], [0, 9, 18]).udp_errors == 3  # sent seldom


def in_time_wait(port: int, answer: int = ACK) -> Iterator[Packet]:
    """The server has an older connection of these ends: an ACK, a RST, the same SYN a second
    later."""
    there, back = (Hop(2, side, (CLIENT, port, SERVER, 8080)) for side in (IN, OUT))
    yield Segment(SYN, 5_000, ident=port).at(there, START)
    yield Segment(answer, 77, 900).at(back, START + 1_000, back=True)
    yield Segment(RST & ~ACK, 900).at(there, START + 2_000)
    yield Segment(SYN, 5_000, ident=port + 1).at(there, START + SECOND)
    yield Segment(SYN_ACK, 80, 5_001).at(back, START + SECOND + 1_000, back=True)
    yield Segment(ACK, 5_001, 81).at(there, START + SECOND + 2_000)


def test_a_syn_that_an_ack_alone_answers() -> None:
    found = seen(*(in_time_wait(40_000 + 2 * n) for n in range(3)))
    assert (found.flows, found.challenged, found.answered) == (6, 3, 3)
    assert not found.unanswered and not found.refused and not found.client_resets


def test_a_scanner_that_resets_what_was_answered_is_not_challenged() -> None:
    assert not seen(in_time_wait(40_000, SYN_ACK)).challenged


def test_a_leg_that_has_the_syn_alone_is_not_unanswered() -> None:
    """Masqueraded between the pod's port and the bridge: the answer has other addresses there."""
    table = FlowTable(hops=True)
    packets = [packet for n in range(3) for packet in in_time_wait(40_000 + 2 * n)]
    for n in range(3):
        leg = Hop(4, OUT, ("10.0.77.11", 50_000 + n, SERVER, 8080))
        packets.append(Segment(SYN, 5_000, ident=40_000 + 2 * n).at(leg, START + 10))
    table.add(COOKED2, sorted(packets, key=lambda packet: packet.ns))
    talks = list(conversations.recent(table.flows, joined(table.flows)).conversations())
    assert len(talks) == 2 and not any(talk.unanswered for talk in talks)


@pytest.mark.parametrize("before", [10, 510])
def test_a_connection_that_lasts_is_seen_behind_many_short_ones(before: int) -> None:
    """On a busy node thousands come after it; it is asked on all the same."""
    long_lived = Hop(2, IN, (CLIENT, 39_000, SERVER, 5432))
    begun = START - 60 * SECOND
    packets = [Segment(SYN, 0).at(long_lived, begun), Segment(ACK, 1, 1).at(long_lived, begun + 9)]
    for number in range(conversations.MOST_FLOWS + before):
        packets += connection(10_000 + number, [])
    packets.append(Segment(PUSH, 1, 1, 80).at(long_lived, START + SECOND))
    table = FlowTable(hops=True)
    table.add(COOKED2, sorted(packets, key=lambda packet: packet.ns))
    ports = {
        talk.port for talk in conversations.recent(table.flows, joined(table.flows)).conversations()
    }
    assert ports == {5432, 8080}


def test_a_slow_answer_of_long_ago_is_over_though_the_connection_lasts() -> None:
    assert seen(connection(40_000, [3.0, 0.01])).slow == 1
    late = seen(connection(40_000, [3.0, *[0.5] * 40]))
    assert late.slowest_ms == pytest.approx(500, abs=1)
    assert seen(connection(40_000, [3.0, *[0.05] * 400])).slow == 0


def answer_of(*sizes: int, arrives: set[int], acked: int, again: int = 0) -> Iterator[Packet]:
    """A request, and an answer in segments of which some arrive; what the client acknowledges."""
    there, back = (Hop(2, side, (CLIENT, 40_000, SERVER, 8080)) for side in (IN, OUT))
    yield Segment(SYN, 0, ident=7).at(there, START)
    yield Segment(SYN_ACK, 0, 1).at(back, START + 1_000, back=True)
    yield Segment(PUSH, 1, 1, 80).at(there, START + 2_000)
    sequence, ns = 1, START + 3_000
    for number, size in enumerate(sizes):
        if number in arrives:
            yield Segment(PUSH, sequence, 81, size).at(back, ns + number, back=True)
        sequence += size
    for number in range(again):
        at = ns + (number + 1) * SECOND // 4
        yield Segment(PUSH, 1, 81, sizes[0]).at(back, at, back=True)
    yield Segment(ACK, 81, acked).at(there, ns + 2 * SECOND)
    yield Segment(ACK, 81, acked).at(there, ns + 5 * SECOND)


def test_an_answer_of_which_the_small_rest_alone_arrives_lacks_what_is_large() -> None:
    assert seen(answer_of(1_400, 1_400, 600, arrives={2}, acked=1)).stuck == 1


@pytest.mark.parametrize(
    ("arrives", "acked"),
    [
        ({2}, 3_401),  # the capture has not all, and the client has
        ({0, 2}, 1_401),  # one that is as large came: it is loss
        ({0, 1, 2}, 3_401),
    ],
)
def test_answers_that_come_or_are_lost_whatever_their_size(arrives: set[int], acked: int) -> None:
    assert not seen(answer_of(1_400, 1_400, 600, arrives=arrives, acked=acked)).stuck


def test_full_size_segments_that_come_after_all_do_not_stick() -> None:
    whole = {0, 1}
    talk = seen(answer_of(1_400, 1_400, arrives=whole, acked=1, again=4))
    assert (talk.stuck, talk.stuck_again, talk.retransmitted) == (1, 4, 4)
    assert not seen(answer_of(1_400, 1_400, arrives=whole, acked=2_801, again=4)).stuck


def test_answers_that_wait_for_a_clock_that_is_set_are_not_slow() -> None:
    waits = [0.01, 3_600.0]
    assert not seen(*(connection(40_000 + n, waits) for n in range(3))).slow
    assert seen(*(connection(40_000 + n, [0.01, 61.0 + 2 * n]) for n in range(3))).slow == 3
