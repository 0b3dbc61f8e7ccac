"""From the flows of a capture to requests after pauses, for the rules about idle connections.

Only where a request failed as such requests do: the server had closed, or knows nothing of the
connection any more, or nothing comes back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from collectors.capture.flow_event import FlowEvent
from collectors.capture.flow_expiry import Flow
from collectors.capture.tcp import TcpFlow
from diagnosis.idle_requests import IdleConnections, IdleEnd, IdleRequest
from session.capture_time import capture_time
from session.conversations import address

LEAST_NS = 500_000_000  # a pause that no round trip or delayed ACK explains
RECENT_NS = 60 * 1_000_000_000
RETRANSMITTED = 2  # times, and no answer: nothing comes back
MOST_EVENTS = 400  # that a flow keeps: collectors.capture.tcp
FLOWS_READ = 200  # of a client and a server, the newest
Ends = tuple[bytes, bytes, int]


def idle_connections(flows: Sequence[Flow], until: int = 0) -> tuple[IdleConnections, ...]:
    """Of the minute before `until`, in ns, or before the last packet where that is later.
    Connections of which so much happened that some of it is not kept say nothing."""
    until = capture_time(flows, until).until
    tcp = [flow for flow in flows if isinstance(flow, TcpFlow)]
    asked = [flow for flow in tcp if flow.asked_at and _may_have_failed(flow)]
    failed = {_ends(flow) for flow in asked if _can_be_read(flow, until)}
    groups: dict[Ends, list[TcpFlow]] = defaultdict(list)
    for flow in tcp if failed else ():
        if (ends := _ends(flow)) in failed and _can_be_read(flow, until):
            groups[ends].append(flow)
    return tuple(_connections(ends, of) for ends, of in groups.items())


def _ends(flow: TcpFlow) -> Ends:
    return flow.client.address, flow.server.address, flow.server.port


def _can_be_read(flow: TcpFlow, until: int) -> bool:
    return until - flow.last_ns <= RECENT_NS and flow.event_count < MOST_EVENTS


def _may_have_failed(flow: TcpFlow) -> bool:
    waited = flow.last_ns - flow.first_ns >= LEAST_NS
    return waited and (flow.reset_by is flow.server or flow.client.counts.timeouts >= RETRANSMITTED)


def _connections(ends: Ends, flows: Sequence[TcpFlow]) -> IdleConnections:
    client, server, port = ends
    requests = [one for flow in flows[-FLOWS_READ:] for one in _requests(flow.events)]
    requests.sort(key=lambda one: one.at)
    return IdleConnections(address(client), address(server), port, tuple(requests))


def _requests(events: Sequence[FlowEvent]) -> Iterator[IdleRequest]:
    """Each request of a connection whose end is known."""
    for number, event in enumerate(events):
        if number and event.by_client and event.kind == "data":
            after = _until_the_next(events[number + 1 :])
            yield from _ended(events[:number], event, after)


def _ended(
    before: Sequence[FlowEvent], event: FlowEvent, after: Sequence[FlowEvent]
) -> Iterator[IdleRequest]:
    """Nothing where the end of the request is not known."""
    end = _end(before, after)
    if end is not None:
        yield IdleRequest(event.at / 1e9, _pause(before, event, after, end), end)


def _until_the_next(events: Sequence[FlowEvent]) -> list[FlowEvent]:
    """What follows a request, as far as the next one."""
    found = []
    for event in events:
        if event.by_client and event.kind == "data":
            break
        found.append(event)
    return found


def _end(before: Sequence[FlowEvent], after: Sequence[FlowEvent]) -> IdleEnd | None:
    """None where it is not known, or not yet."""
    said = [event.kind for event in after if not event.by_client]
    if "data" in said:
        return "answered"
    if "RST" in said:
        return "closed" if _fin([*before, *after]) is not None else "reset"
    again = sum(
        event.count for event in after if event.by_client and event.kind == "retransmission"
    )
    return "silent" if not said and again >= RETRANSMITTED else None


def _fin(events: Sequence[FlowEvent]) -> int | None:
    """Where the server's FIN is among them."""
    sent = (n for n, event in enumerate(events) if event.kind == "FIN" and not event.by_client)
    return next(sent, None)


def _pause(
    before: Sequence[FlowEvent], asked: FlowEvent, after: Sequence[FlowEvent], end: IdleEnd
) -> float:
    """Seconds; a request and a FIN that crossed are of one moment."""
    fin = _fin(before)
    if end != "closed":
        return (asked.at - before[-1].until) / 1e9
    if fin is None:
        crossed = after[_fin(after) or 0]
        return (crossed.at - before[-1].until) / 1e9
    return (before[fin].at - before[fin - 1].until) / 1e9 if fin else 0.0
