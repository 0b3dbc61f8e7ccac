"""Which requests after pauses count as lost, and to what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from collectors.capture.flows import FlowTable
from collectors.capture.tcp import TcpFlow
from collectors.events import Packet
from diagnosis.idle_requests import IdleRequest
from session.idle_requests import idle_connections
from tests.support.node_capture import (
    ACK,
    COOKED2,
    FIN,
    IN,
    OUT,
    PUSH,
    RST,
    SECOND,
    SYN,
    SYN_ACK,
    Hop,
    Segment,
)

CLIENT, SERVER = "10.244.1.6", "10.244.1.3"
START = 100 * SECOND


def connection(
    port: int, pauses: Sequence[float], last: str, idle: float = 2.0
) -> Iterator[Packet]:
    """Requests after pauses, all answered but the last: `FIN` (before it), `FIN across`, `RST`,
    `RST elsewhere` (on another interface), `RST on both`, `nothing`, `nobody` (it is not asked), `answer`."""
    there, back = (Hop(2, side, (CLIENT, port, SERVER, 8080)) for side in (IN, OUT))
    ns, mine, yours = START, 1, 1
    yield Segment(SYN, 0, ident=port).at(there, ns)
    yield Segment(SYN_ACK, 0, 1).at(back, ns + 1_000, back=True)
    yield Segment(ACK, 1, 1).at(there, ns + 2_000)
    for number, pause in enumerate(pauses):
        asked, is_last = ns + int(pause * SECOND) + 3_000, number == len(pauses) - 1
        if is_last and last == "FIN":
            yield Segment(FIN, yours, mine).at(back, ns + int(idle * SECOND), back=True)
            yours += 1
        if is_last and last == "nobody":
            return
        yield Segment(PUSH, mine, yours, 80).at(there, asked)
        mine += 80
        if not is_last or last == "answer":
            ns = asked + 1_000_000
            yield Segment(PUSH, yours, mine, 100).at(back, ns, back=True)
            yours += 100
        elif last == "nothing":
            for again in (0.2, 0.6, 1.4):
                at = asked + int(again * SECOND)
                yield Segment(PUSH, mine - 80, yours, 80).at(there, at)
        else:
            if last == "FIN across":
                yield Segment(FIN, yours, mine - 80).at(back, asked + 10_000, back=True)
            other = Hop(3, OUT, back.ends)
            for hop in {"RST elsewhere": [other], "RST on both": [back, other]}.get(last, [back]):
                yield Segment(RST, yours, 0).at(hop, asked + 20_000 + hop.interface, back=True)


def requests(*connections: Iterator[Packet]) -> tuple[IdleRequest, ...]:
    table = FlowTable(hops=True)
    packets = [packet for one in connections for packet in one]
    table.add(COOKED2, sorted(packets, key=lambda packet: packet.ns))
    rows = idle_connections(table.flows)
    assert all((row.client, row.server, row.port) == (CLIENT, SERVER, 8080) for row in rows)
    return tuple(one for row in rows for one in row.requests)


def ends(found: Sequence[IdleRequest]) -> list[tuple[str, float]]:
    return [(one.end, round(one.pause, 1)) for one in found]


def test_a_request_after_the_servers_fin_and_one_that_crosses_it() -> None:
    after = requests(connection(40_000, [0.0, 2.5], "FIN"))
    assert ends(after) == [("answered", 0.0), ("closed", 2.0)]
    across = requests(connection(40_000, [0.0, 2.0], "FIN across"))
    assert ends(across) == [("answered", 0.0), ("closed", 2.0)]


def test_a_reset_without_a_fin_and_no_answer_at_all() -> None:
    assert ends(requests(connection(40_000, [0.0, 1.0, 7.0], "RST"))) == [
        ("answered", 0.0),
        ("answered", 1.0),
        ("reset", 7.0),
    ]
    assert ends(requests(connection(40_000, [0.0, 7.0], "nothing")))[-1] == ("silent", 7.0)


def test_healthy_connections_give_nothing() -> None:
    """A server that closes what is idle, and a client that looks; pauses after which all is
    well; a reset of the very first request."""
    assert requests(connection(40_000, [0.0, 2.5], "FIN"), connection(40_001, [3.0], "nobody"))
    assert not requests(connection(40_000, [0.0, 2.5], "nobody"))
    assert not requests(connection(40_000, [0.0, 9.0], "answer"))
    assert not requests(connection(40_000, [0.0], "RST"))


def test_a_connection_of_which_events_are_lost_says_nothing() -> None:
    many = [0.001] * 210
    assert not requests(connection(40_000, [*many, 7.0], "RST"))


def test_a_reset_of_another_end_comes_by_another_interface() -> None:
    """A connection that its node forgot is translated again, to another endpoint."""
    for last in ("RST", "RST elsewhere", "RST on both"):
        assert [one.end for one in requests(connection(40_000, [1, 2], last))] == [
            "answered",
            "reset",
        ]


def test_a_reset_on_two_interfaces_is_one() -> None:
    for last in ("RST elsewhere", "RST on both"):
        table = FlowTable(hops=True)
        table.add(COOKED2, list(connection(40_000, [1, 2], last)))
        (flow,) = table.flows
        assert isinstance(flow, TcpFlow)
        assert [one.kind for one in flow.events].count("RST") == 1
        assert flow.copies == (last == "RST on both") and flow.state == "reset by server"
