"""Waits that are no answer's: the server sends when it has something to say, or asks whether the
client is still there, and the client acknowledges it at once with a few bytes.

Such are the pings of WebSocket (RFC 6455, 5.5) and HTTP/2 (RFC 9113, 6.7), and messages that are
acknowledged each (MQTT, AMQP): what comes next belongs to no question.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from collectors.capture.flow_event import FlowEvent
from collectors.capture.tcp import TcpFlow
from collectors.frozen import frozen
from diagnosis.slow_answers import SLOW_LEAST_NS

FEW_BYTES = 48  # a pong of HTTP/2 in TLS 1.3 has 39; a request of HTTP/1.1 more
AT_ONCE_NS = 20_000_000  # after what it acknowledges
ALIKE = 0.1  # of the longest, that waits differ by: those of a timer


@frozen
class Wait:
    """From the client's last bytes to the server's first, in ns; whether those bytes may be an
    acknowledgment of what the server sent before."""

    ns: int
    acknowledged: bool


def are_pushes(flow: TcpFlow) -> bool:
    """Whether all that came late came without a question."""
    late = _late(flow.events)
    return bool(late) and all(wait.acknowledged for wait in late)


def are_timed(flow: TcpFlow) -> bool:
    """Whether it came by a timer."""
    waits = [wait.ns for wait in _late(flow.events)]
    return len(waits) > 1 and min(waits) >= (1 - ALIKE) * max(waits)


def _late(events: Sequence[FlowEvent]) -> list[Wait]:
    return [wait for wait in _waits(events) if wait.ns >= SLOW_LEAST_NS]


def _waits(events: Sequence[FlowEvent]) -> Iterator[Wait]:
    """Of data in turns: what one end sends in a row is one."""
    data = [event for event in events if event.kind == "data"]
    before: FlowEvent | None = None
    for asked, answer in pairwise(data):
        if asked.by_client and not answer.by_client:
            yield Wait(answer.at - asked.until, _is_acknowledgment(before, asked))
        if not asked.by_client:
            before = asked


def _is_acknowledgment(before: FlowEvent | None, sent: FlowEvent) -> bool:
    if before is None or sent.size > FEW_BYTES * sent.count:
        return False
    return sent.at - before.until <= AT_ONCE_NS
