"""What a server sends of its own accord is no late answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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
    SECOND,
    SYN,
    SYN_ACK,
    Hop,
    Segment,
)

THERE, BACK = (Hop(2, side, ("10.244.1.6", 40_000, "10.244.1.3", 8080)) for side in (IN, OUT))
START, PONG, REQUEST = 100 * SECOND, 6, 120
AT_ONCE, LATER = 1_000_000, 300_000_000


def exchanges(waits: Sequence[float], size: int, thinks: int) -> Iterator[Packet]:
    """A request that is answered at once; after `thinks` ns what the client sends, of `size` bytes,
    each `waits` seconds before the server sends something."""
    ns, mine, yours = START, 1, 1
    yield Segment(SYN, 0).at(THERE, ns)
    yield Segment(SYN_ACK, 0, 1).at(BACK, ns + 1_000, back=True)
    yield Segment(ACK, 1, 1).at(THERE, ns + 2_000)
    for wait, sent in ((0.001, REQUEST), *((wait, size) for wait in waits)):
        yield Segment(PUSH, mine, yours, sent).at(THERE, ns + thinks)
        ns, mine = ns + thinks + int(wait * SECOND), mine + sent
        yield Segment(PUSH, yours, mine, 2).at(BACK, ns, back=True)
        yours += 2


def seen(waits: Sequence[float], size: int, thinks: int = AT_ONCE) -> Conversation:
    table = FlowTable(hops=True)
    table.add(COOKED2, list(exchanges(waits, size, thinks)))
    (only,) = conversations.recent(table.flows, joined(table.flows)).conversations()
    return only


def test_pings_by_a_timer() -> None:
    talk = seen((4.0, 4.02, 3.99), PONG)
    assert (talk.slow, talk.slowest_ms) == (0, 0.0)


def test_messages_that_are_acknowledged_may_be_meant_to_wait() -> None:
    talk = seen((4.0, 1.5, 2.7), PONG)
    assert (talk.slow, talk.patient) == (1, 1)


@pytest.mark.parametrize(("size", "thinks"), [(REQUEST, AT_ONCE), (PONG, LATER)])
def test_alike_requests_are_late(size: int, thinks: int) -> None:
    """What is more than an acknowledgment, or comes later than one, is a request."""
    talk = seen((4.0, 4.02, 3.99), size, thinks)
    assert (talk.slow, talk.patient) == (1, 0)
    assert talk.slowest_ms > 3_900
