"""Connections of protocols in which the server speaks first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from collectors.capture.flows import FlowTable
from collectors.capture.tcp import TcpFlow
from collectors.events import Packet
from session.greetings import greeted_after, is_ungreeted
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

START = 100 * SECOND
MYSQL, HTTP = 3306, 8080


def opened(port: int, *after: tuple[float, bool, Segment]) -> tuple[TcpFlow, ...]:
    """What comes so many seconds after the handshake, of the server or not."""
    there, back = (Hop(2, side, ("10.244.1.6", 40_000, "10.244.1.3", port)) for side in (IN, OUT))

    def packets() -> Iterator[Packet]:
        yield Segment(SYN, 0).at(there, START)
        yield Segment(SYN_ACK, 0, 1).at(back, START + 1_000, back=True)
        yield Segment(ACK, 1, 1).at(there, START + 2_000)
        for seconds, of_server, segment in after:
            hop = back if of_server else there
            yield segment.at(hop, START + 2_000 + int(seconds * SECOND), back=of_server)

    table = FlowTable(hops=True)
    table.add(COOKED2, list(packets()))
    return tuple(flow for flow in table.flows if isinstance(flow, TcpFlow))


GREETING = Segment(PUSH, 1, 1, 90)
LOGIN, ANSWER = Segment(PUSH, 1, 91, 40), Segment(PUSH, 91, 41, 11)
LEAVES, RESETS = Segment(FIN, 1, 1), Segment(RST, 1, 1)


def test_how_late_a_greeting_came() -> None:
    late = opened(MYSQL, (2.0, True, GREETING), (2.1, False, LOGIN), (2.2, True, ANSWER))
    assert greeted_after(late[0]) == 2 * SECOND
    asked = Segment(PUSH, 1, 1, 40)
    (first,) = opened(MYSQL, (0.5, False, asked), (3.0, True, Segment(PUSH, 1, 41, 9)))
    assert greeted_after(first) == 0, "the client began"
    assert greeted_after(opened(HTTP, (2.0, True, GREETING))[0]) == 0


@pytest.mark.parametrize("end", [LEAVES, RESETS])
def test_a_client_that_waits_in_vain(end: Segment) -> None:
    assert is_ungreeted(opened(MYSQL, (3.0, False, end)))
    assert is_ungreeted(opened(MYSQL, (3.0, False, end), (3.1, True, Segment(FIN, 1, 2))))


@pytest.mark.alike
def test_connections_without_a_greeting_that_nobody_waits_for() -> None:
    assert not is_ungreeted(opened(MYSQL, (0.01, False, LEAVES))), "a probe"
    assert not is_ungreeted(opened(MYSQL)), "it still waits"
    assert not is_ungreeted(opened(HTTP, (3.0, False, LEAVES))), "a pool's, in reserve"
    assert not is_ungreeted(opened(MYSQL, (3.0, True, Segment(FIN, 1, 1)), (3.1, False, LEAVES)))
