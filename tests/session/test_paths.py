"""Legs of connections joined, and what came into a node and left it, by direction and kind."""

from __future__ import annotations

from collections.abc import Sequence

from collectors.capture.flows import FlowTable
from collectors.capture.joined_legs import joined
from collectors.events import Packet
from diagnosis.paths import PathRow, Period, Segments
from session import conversations, paths
from session.known_connections import KnownConnections
from session.path_window import window
from tests.support.node_capture import (
    ACK,
    COOKED2,
    FIN,
    IN,
    OTHER_HOST,
    OUT,
    PUSH,
    RST,
    SECOND,
    SYN,
    SYN_ACK,
    Ends,
    Hop,
    Segment,
    datagram,
)

POD, NODE = "10.244.1.6", "10.200.0.1"
SERVICE, ENDPOINT, OTHER = "10.96.0.7", "10.244.1.3", "10.244.1.4"
VETH, BRIDGE, NIC = 5, 2, 3
NOW = 100 * SECOND
ETHERNET, ETHERNET_HEADER = 1, bytes(12) + b"\x08\x00"
AT_POD = VETH.to_bytes(4, "big")


def seen(packets: Sequence[Packet], now: int = NOW + SECOND, link: int = COOKED2) -> list[PathRow]:
    table = FlowTable(hops=True)
    table.add(link, packets)
    found = paths.rows(joined(table.flows), window(now, 1, now), KnownConnections())
    return [row for row in found if row is not None]


def hops(
    port: int, asked: str = SERVICE, endpoint: str = ENDPOINT, sent_as: str = POD
) -> list[Hop]:
    """A pod's packets, as they come in and as they leave translated."""
    other: Ends = (sent_as, port if sent_as == POD else port + 7, endpoint, 8080)
    return [
        Hop(VETH, OTHER_HOST, (POD, port, asked, 80)),
        Hop(BRIDGE, OUT, other),
        Hop(NIC, OUT, other),
    ]


def back(port: int, endpoint: str = ENDPOINT, sent_as: str = POD) -> list[Hop]:
    other: Ends = (sent_as, port if sent_as == POD else port + 7, endpoint, 8080)
    return [Hop(NIC, IN, other), Hop(VETH, OUT, (POD, port, SERVICE, 80))]


def exchange(port: int, sent_as: str = POD) -> list[Packet]:
    """A handshake, a request of 100 bytes, an answer of 3,000 that offloads split on its path."""
    isn = 1_000 * port
    there, here = hops(port, sent_as=sent_as), back(port, sent_as=sent_as)
    packets = [Segment(SYN, isn, ident=port).at(hop, NOW) for hop in there]
    packets += [Segment(SYN_ACK, 5, isn + 1).at(hop, NOW + 1, back=True) for hop in here]
    packets += [Segment(ACK, isn + 1, 6).at(hop, NOW + 2) for hop in there]
    packets += [Segment(PUSH, isn + 1, 6, 100).at(hop, NOW + 3) for hop in there]
    packets += [Segment(PUSH, 6, isn + 101, 3_000).at(here[0], NOW + 4, back=True)]
    parts = (6, 1_506)
    return packets + [
        Segment(PUSH, at, isn + 101, 1_500).at(here[1], NOW + 5, True) for at in parts
    ]


def test_the_legs_before_and_after_a_translation_are_one_connection() -> None:
    (row,) = seen([packet for port in (40_000, 40_001) for packet in exchange(port)])
    assert (row.client, row.asked, row.asked_port) == (POD, SERVICE, 80)
    assert (row.endpoint, row.endpoint_port, row.sent_as) == (ENDPOINT, 8080, POD)
    assert (row.connections, row.completed, row.requests, row.answered) == (2, 2, 2, 2)
    assert row.to_server.entered == row.to_server.left == Segments(syn=2, ack=2, small=2, bytes=200)
    assert row.failed == 0 and not row.one_sided


def test_bytes_are_the_same_where_offloads_split_segments() -> None:
    (row,) = seen(exchange(40_000))
    assert (row.to_client.entered.large, row.to_client.left.large) == (1, 2)
    assert row.to_client.entered.bytes == row.to_client.left.bytes == 3_000


def test_a_masqueraded_connection_shares_no_end_with_its_other_leg_and_is_joined() -> None:
    (row,) = seen(exchange(40_000, sent_as=NODE))
    assert (row.client, row.sent_as, row.endpoint) == (POD, NODE, ENDPOINT)
    assert row.completed == row.answered == 1 and row.to_server.left.syn == 1


def test_a_leg_that_only_came_in_is_no_loss_where_another_went_out() -> None:
    """With masquerading and bridge-nf-call-iptables the first leg never leaves by itself."""
    packets = [Segment(SYN, 77, ident=9).at(hop, NOW) for hop in hops(40_000, sent_as=NODE)]
    table = FlowTable(hops=True)
    late = [Segment(SYN, 9, ident=3).at(Hop(NIC, IN, ("10.9.9.9", 7, NODE, 22)), NOW + 3 * SECOND)]
    table.add(COOKED2, [*packets, *late])
    talks = {
        talk.server: talk
        for talk in conversations.recent(table.flows, joined(table.flows)).conversations()
    }
    assert talks[SERVICE].unanswered == 1
    assert (talks[SERVICE].stopped, talks[SERVICE].passed) == (0, 1)


def test_a_leg_that_has_the_syn_alone_was_answered_where_the_connection_was() -> None:
    """As kube-proxy --masquerade-all: between the pod's port and the bridge no packet comes back."""
    pod, bridged = (POD, 40_000, SERVICE, 80), (POD, 40_000, ENDPOINT, 8080)
    node = (NODE, 40_007, ENDPOINT, 8080)
    there = [Hop(VETH, OTHER_HOST, pod), Hop(NIC, OUT, node)]
    syn = [Segment(SYN, 77, ident=9).at(hop, NOW) for hop in (*there, Hop(BRIDGE, IN, bridged))]
    here = [Hop(NIC, IN, node), Hop(VETH, OUT, pod)]
    answer = [Segment(SYN_ACK, 5, 78).at(hop, NOW + 1, back=True) for hop in here]
    rest = [Segment(ACK, 78, 6).at(hop, NOW + 2) for hop in there]
    late = [Segment(SYN, 9, ident=3).at(Hop(NIC, IN, ("10.9.9.9", 7, NODE, 22)), NOW + 3 * SECOND)]
    for packets, failed in (([*syn, *answer, *rest, *late], 0), ([*syn, *late], 1)):
        table = FlowTable(hops=True)
        table.add(COOKED2, packets)
        talks = conversations.recent(table.flows, joined(table.flows)).conversations()
        own = [t for t in talks if (t.client, t.server) == (POD, ENDPOINT)]
        assert [(t.unanswered, t.answered) for t in own] == [(failed, 1 - failed)]


def test_a_scanner_with_one_sequence_number_has_many_connections() -> None:
    scan = [
        Segment(SYN, 4242, ident=100 + port).at(Hop(NIC, IN, (NODE, 60_000, POD, port)), NOW)
        for port in range(1, 20)
    ]
    assert len(seen(scan)) == 19


def test_a_syn_that_is_retransmitted_and_translated_again_is_the_same_connection() -> None:
    first, again = hops(40_000, endpoint=OTHER)[:1], hops(40_000)
    packets = [Segment(SYN, 1, ident=1).at(hop, NOW - SECOND) for hop in first]
    packets += [Segment(SYN, 1, ident=2).at(hop, NOW) for hop in again]
    (row,) = seen(packets)
    assert (row.connections, row.endpoint, row.unanswered, row.stuck) == (1, ENDPOINT, 1, 0)
    assert (row.to_server.entered.syn, row.to_server.left.syn) == (2, 1)
    assert row.to_server.retransmitted.syn == 1


def test_a_fin_that_is_retransmitted_is_no_data_retransmitted() -> None:
    """It is in no share of data segments."""
    packets = list(exchange(40_000))
    last = max(packet.ns for packet in packets)
    for number in range(3):
        fin = Segment(FIN, 1_000 * 40_000 + 101, 3_006, ident=200 + number)
        packets += [fin.at(hop, last + (number + 1) * SECOND) for hop in hops(40_000)]
    (row,) = seen(packets, last + 4 * SECOND)
    again = row.to_server.retransmitted
    assert (again.fin, again.timeout, again.fast) == (2, 0, 0) and again.total == 2


def test_what_never_left_has_no_endpoint_and_is_stuck() -> None:
    (veth, *_) = hops(40_000)
    syns = [Segment(SYN, 1, ident=n).at(veth, NOW - n * SECOND) for n in (3, 2, 0)]
    (row,) = seen(syns)
    assert (row.endpoint, row.unanswered, row.stuck, row.to_server.entered.syn) == ("", 1, 1, 3)


def test_a_request_that_is_never_answered() -> None:
    packets = [packet for packet in exchange(40_000) if packet.ns < NOW + 4]
    (row,) = seen(packets, NOW + 3 * SECOND)
    assert (row.completed, row.requests, row.answered, row.silent) == (1, 1, 0, 1)
    (early,) = seen(packets, NOW + SECOND)
    assert early.silent == 0


def test_a_request_that_is_reset_is_not_silent_and_when_it_failed_is_known() -> None:
    packets = [packet for packet in exchange(40_000) if packet.ns < NOW + 4]
    packets += [Segment(RST, 6, 40_000_101).at(hop, NOW + 4, True) for hop in back(40_000)]
    (row,) = seen(packets, NOW + 3 * SECOND)
    assert (row.reset_by_server, row.silent, row.answered) == (1, 0, 0)
    assert row.failing == Period(NOW, NOW) and row.answering == Period()
    (both,) = seen([*packets, *exchange(41_000)], NOW + 3 * SECOND)
    assert both.failing == both.answering == Period(NOW, NOW)


def ending(asked: bool = True) -> list[Packet]:
    """A request that is acknowledged, or none."""
    return [one for one in exchange(40_000) if one.ns < NOW + (4 if asked else 3)]


def fin(sequence: int, *, server: bool, ns: int) -> list[Packet]:
    isn = 40_000_000
    if server:
        segment = Segment(FIN, sequence, isn + 101)
        return [segment.at(hop, ns, back=True) for hop in back(40_000)]
    return [Segment(FIN, isn + sequence, 6).at(hop, ns) for hop in hops(40_000)]


def test_a_server_that_closes_without_an_answer() -> None:
    (row,) = seen([*ending(), *fin(6, server=True, ns=NOW + 9)])
    assert (row.requests, row.answered, row.silent, row.closed) == (1, 0, 0, 1)
    assert row.failing == Period(NOW, NOW)
    late = NOW + 3 * SECOND
    (row,) = seen([*ending(), *fin(6, server=True, ns=late)], late + SECOND)
    assert (row.silent, row.abandoned, row.closed) == (1, 0, 1)


def test_a_server_that_closes_as_soon_as_it_accepts() -> None:
    """Its FIN and the request meet on the path."""
    early = [*ending(asked=False), *fin(6, server=True, ns=NOW + 2)]
    request = [one._replace(ns=NOW + 9) for one in ending() if one.ns == NOW + 3]
    (row,) = seen([*early, *request])
    assert row.closed == 1
    later = [one._replace(ns=NOW + 3 * SECOND) for one in request]
    early = [*ending(asked=False), *fin(6, server=True, ns=NOW + 2 * SECOND)]
    (row,) = seen([*early, *later], NOW + 4 * SECOND)  # it was idle, and is asked too late
    assert row.closed == 0


def rst(*, server: bool, ns: int) -> list[Packet]:
    if server:
        return [Segment(RST, 6, 40_000_001).at(hop, ns, back=True) for hop in back(40_000)]
    return [Segment(RST, 40_000_001, 6).at(hop, ns) for hop in hops(40_000)]


def test_a_server_that_closes_before_anybody_sent_anything() -> None:
    for last in (fin(6, server=True, ns=NOW + 9), rst(server=True, ns=NOW + 9)):
        (row,) = seen([*ending(asked=False), *last])
        assert (row.requests, row.closed, row.hung_up) == (0, 0, 1)
        assert row.failing == Period(NOW, NOW)


def test_connections_without_data_that_the_client_ends_or_that_were_idle() -> None:
    opened = ending(asked=False)
    later = NOW + 2 * SECOND
    ends = (
        [*fin(1, server=False, ns=NOW + 8), *fin(6, server=True, ns=NOW + 9)],
        [*fin(1, server=False, ns=NOW + 8), *rst(server=True, ns=NOW + 9)],
        rst(server=False, ns=NOW + 9),
        fin(6, server=True, ns=later),
    )
    for last in ends:
        (row,) = seen([*opened, *last], later + SECOND)
        assert (row.closed, row.hung_up) == (0, 0)


def test_ends_that_are_no_failure() -> None:
    answered = [*exchange(40_000), *fin(3_006, server=True, ns=NOW + 9)]
    unseen = [*ending(), *fin(3_006, server=True, ns=NOW + 9)]  # the capture lacks the answer
    idle = [*ending(asked=False), *fin(6, server=True, ns=NOW + 9)]
    client = fin(101, server=False, ns=NOW + 8)  # one that does not wait for an answer
    sender = [*ending(), *client, *fin(6, server=True, ns=NOW + 9)]
    for packets in (answered, unseen, idle, sender):
        (row,) = seen(packets)
        assert row.closed == 0


def test_the_nodes_own_connections_have_one_side_and_are_not_compared() -> None:
    here = Hop(NIC, OUT, (NODE, 50_000, "10.9.9.9", 443))
    there = Hop(NIC, IN, here.ends)
    packets = [
        Segment(SYN, 1).at(here, NOW),
        Segment(SYN_ACK, 5, 2).at(there, NOW + 1, True),
        Segment(ACK, 2, 6).at(here, NOW + 2),
    ]
    (row,) = seen(packets)
    assert row.one_sided and row.endpoint == "10.9.9.9"


def test_only_the_last_seconds_count() -> None:
    long_ago = [packet._replace(ns=packet.ns - 60 * SECOND) for packet in exchange(40_000)]
    assert seen(long_ago) == []
    again = Segment(PUSH, 40_000_101, 3_006, 10)
    (row,) = seen([*long_ago, *(again.at(hop, NOW) for hop in hops(40_000))])
    assert row.to_server.entered == Segments(small=1, bytes=10)


def test_questions_to_a_dns_service_are_joined_by_their_content() -> None:
    ask = b"\x12\x34\1\0\0\1\0\0\0\0\0\0\7example\0\0\1\0\1"
    before, after = (POD, 40_000, SERVICE, 53), (NODE, 1_234, ENDPOINT, 53)
    packets = [
        datagram(Hop(VETH, IN, before), NOW, ask),
        datagram(Hop(NIC, OUT, after), NOW + 1, ask),
        datagram(Hop(NIC, IN, after), NOW + 2, ask + b"answer", back=True),
        datagram(Hop(VETH, OUT, before), NOW + 3, ask + b"answer", back=True),
    ]
    (row,) = seen(packets)
    assert (row.protocol, row.asked, row.endpoint, row.answered) == ("UDP", SERVICE, ENDPOINT, 1)


def test_the_same_question_of_somebody_else_is_another_connection() -> None:
    """Its 16-bit number is the same sooner or later: joined, a tunnel's device would lead on."""
    ask = b"\x12\x34\1\0\0\1\0\0\0\0\0\0\7example\0\0\1\0\1"
    clients = (POD, 40_000, ENDPOINT, 53), ("10.244.2.9", 40_001, ENDPOINT, 53)
    packets = [datagram(Hop(VETH, IN, ends), NOW, ask) for ends in clients[:1]]
    packets += [datagram(Hop(NIC, IN, clients[1]), NOW + SECOND, ask)]
    assert sorted(row.client for row in seen(packets)) == [POD, "10.244.2.9"]


def test_what_one_connection_says_of_an_interface_is_outvoted() -> None:
    wrong = [
        Segment(SYN, 9, ident=9).at(Hop(BRIDGE, OUT, (POD, 5, OTHER, 80)), NOW),
        Segment(SYN, 9, ident=9).at(Hop(NIC, OUT, (POD, 5, OTHER, 80)), NOW),
        Segment(SYN_ACK, 5, 10).at(Hop(BRIDGE, IN, (POD, 5, OTHER, 80)), NOW + 1, back=True),
    ]
    rows = seen([*wrong, *(packet for port in (40_000, 40_001) for packet in exchange(port))])
    (row,) = (row for row in rows if row.asked == SERVICE)
    assert row.to_server.left.syn == 2


def test_a_bridge_on_the_path_to_a_port_is_not_where_packets_leave() -> None:
    """What goes out by the bridge and not by its port was dropped between the two."""
    port, dropped = 9, hops(41_000, endpoint=OTHER)[:2]
    there = [*hops(40_000)[:2], Hop(port, OUT, (POD, 40_000, ENDPOINT, 8080))]
    here = [Hop(port, OTHER_HOST, there[1].ends), Hop(VETH, OUT, there[0].ends)]
    packets = [Segment(SYN, 1, ident=1).at(hop, NOW) for hop in there]
    packets += [Segment(SYN_ACK, 5, 2).at(hop, NOW + 1, back=True) for hop in here]
    packets += [Segment(SYN, 9, ident=n).at(h, NOW - n * SECOND) for n in (2, 1) for h in dropped]
    by_end = {row.endpoint: row for row in seen(packets)}
    assert by_end[ENDPOINT].to_server.left.syn == 1
    assert (by_end[OTHER].to_server.left.syn, by_end[OTHER].stuck) == (0, 1)


def test_what_is_answered_though_it_is_not_seen_to_leave_is_not_compared() -> None:
    requests = (NOW, NOW + 2, NOW + 3)
    packets = [p for p in exchange(40_000) if not (p.data[10] == OUT and p.ns in requests)]
    assert [row.one_sided for row in seen(packets)] == [True, True]


def test_the_latest_are_two_whole_spans_and_what_is_since() -> None:
    """SYNs every second for 20 s that leave; at 23 s the whole spans are those of 10 to 20 s."""
    leaving = Hop(NIC, OUT, (POD, 40_000, ENDPOINT, 8080))
    came_in = Hop(VETH, OTHER_HOST, (POD, 40_000, ENDPOINT, 8080))
    packets = []
    for second in range(22):
        syn = Segment(SYN, 77, ident=second + 1)
        packets += [syn.at(hop, NOW + second * SECOND) for hop in (came_in, leaving)]
    (row,) = seen(packets, now=NOW + 23 * SECOND)
    assert row.to_server.latest_left == (5, 5)
    assert row.to_server.latest_entered == 5 + 5 + 2
    assert row.to_client.latest_left == (0, 0) and row.to_client.latest_entered == 0
    (short,) = seen(packets[:4], now=NOW + 2 * SECOND)
    assert short.to_server.latest_left == (0, 0)


def test_a_capture_of_one_interface_has_rows_without_places() -> None:
    """Ethernet: how connections went is known, where their packets came in is not."""
    at_pod = [one for one in exchange(40_000) if one.data[4:8] == AT_POD]
    once = {one.ns: Packet(one.ns, ETHERNET_HEADER + one.data[20:], one.length) for one in at_pod}
    syn = once[NOW]
    once[NOW + 9] = Packet(NOW + 9, syn.data, syn.length)
    (row,) = seen([once[ns] for ns in sorted(once)], link=ETHERNET)
    assert (row.asked, row.endpoint, row.completed, row.answered) == (SERVICE, SERVICE, 1, 1)
    assert row.one_sided and not row.stuck and not row.to_server.left.total
    assert row.to_server.retransmitted.total == 1
