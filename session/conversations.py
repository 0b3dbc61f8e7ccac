"""From the flows of a capture to the conversations that rules look at."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from ipaddress import ip_address
from statistics import median

from collectors.capture.direction import IN, OUT
from collectors.capture.flows import Flow
from collectors.capture.tcp import TcpFlow
from collectors.frozen import frozen
from diagnosis.snapshot import Conversation

RECENT_NS = 15 * 1_000_000_000
UNANSWERED_NS = 1_500_000_000  # a SYN that was retransmitted, or waits longer than any path needs
SLOW_NS = 1_000_000_000
SLOW_TIMES, SLOW_LEAST_NS = 100, 100_000_000  # of the path's round trip; what a person notices
FULL_SIZE = 1_000  # bytes: segments of bulk data
MOST_FLOWS = 1_500  # the newest
STUCK = 2  # timeouts of one flow in which nothing was acknowledged
AGAIN = ("retransmission", "spurious retransmission")

Ends = tuple[str, bytes, bytes, int]


@frozen
class RecentFlows:
    """The flows of the capture's last 15 s by the ends of their conversation; `now` is the time of
    the last packet, in ns."""

    groups: dict[Ends, list[Flow]]
    now: int

    def conversations(self) -> Iterator[Conversation]:
        for ends, flows in self.groups.items():
            yield _conversation(ends, flows, self.now)


def recent(flows: Sequence[Flow]) -> RecentFlows:
    now = max((flow.last_ns for flow in flows), default=0)
    groups: dict[Ends, list[Flow]] = defaultdict(list)
    for flow in flows[-MOST_FLOWS:]:
        if now - flow.last_ns <= RECENT_NS:
            ends = (flow.protocol, flow.client.address, flow.server.address, flow.server.port)
            groups[ends].append(flow)
    return RecentFlows(groups, now)


@lru_cache(100_000)
def address(packed: bytes) -> str:
    return str(ip_address(packed))


def _conversation(ends: Ends, flows: Sequence[Flow], now: int) -> Conversation:
    protocol, client, server, port = ends
    totals: Counter[str] = Counter(flows=len(flows))
    for flow in flows:
        if isinstance(flow, TcpFlow):
            _add_tcp(totals, flow, now)
        else:
            _add_udp(totals, flow, now)
    tcp = [flow for flow in flows if isinstance(flow, TcpFlow)]
    round_trips = [_rtt(flow) for flow in tcp]
    totals["slow"] = sum(map(_is_slow, tcp, round_trips))
    rtts = [rtt for rtt in round_trips if rtt is not None]
    slowest = max((flow.waits.largest for flow in tcp if flow.waits.count), default=0)
    opened = max((flow.first_ns for flow in tcp if flow.synack_at), default=0)
    return Conversation(
        protocol=protocol,
        client=address(client),
        server=address(server),
        port=port,
        unreachable=_last(flow.icmp_note for flow in flows),
        rejected_by=_last(flow.icmp_from for flow in flows),
        slowest_ms=slowest / 1e6,
        rtt_ms=median(rtts) / 1e6 if rtts else None,
        opened=opened / 1e9,
        **totals,
    )


def _last(texts: Iterator[str]) -> str:
    last = ""
    for text in texts:
        last = text or last
    return last


def _rtt(flow: TcpFlow) -> int | None:
    """The larger of both directions' smallest round trips and the handshake's, in ns."""
    seen = [side.rtt.smallest for side in (flow.client, flow.server) if side.rtt.count]
    if flow.syn_at and flow.acked_at:
        seen.append(flow.acked_at - flow.syn_at)
    return max(seen) if seen else None


def _add_udp(totals: Counter[str], flow: Flow, now: int) -> None:
    silent = flow.state == "unanswered"
    totals["unanswered"] += silent and flow.client.packets > 1
    totals["answered"] += flow.state == "answered"
    _add_seen_on(totals, flow, silent and now - flow.first_ns > UNANSWERED_NS)


def _add_tcp(totals: Counter[str], flow: TcpFlow, now: int) -> None:
    client, server = flow.client, flow.server
    totals["answered"] += bool(flow.synack_at or server.payload)
    _add_handshake(totals, flow, now)
    _add_end(totals, flow)
    totals["segments"] += client.segments + server.segments
    totals["retransmitted"] += (
        client.counts.fast + client.counts.timeouts + server.counts.fast + server.counts.timeouts
    )
    totals["client_zero_windows"] += client.counts.zero_windows
    totals["server_zero_windows"] += server.counts.zero_windows
    totals["stuck"] += _is_stuck(flow)


def _add_handshake(totals: Counter[str], flow: TcpFlow, now: int) -> None:
    """Where the SYN, or the answer to it, stops."""
    client, server = flow.client, flow.server
    waiting = client.counts.syn_retransmitted > 0 or now - flow.first_ns > UNANSWERED_NS
    silent = flow.state == "unanswered" and waiting
    totals["unanswered"] += silent
    _add_seen_on(totals, flow, silent)
    if flow.synack_at and not flow.acked_at and (waiting or server.counts.syn_retransmitted > 0):
        totals["answers_stopped"] += server.seen_on == IN
        totals["answers_passed"] += bool(server.seen_on & OUT)


def _add_seen_on(totals: Counter[str], flow: Flow, silent: bool) -> None:
    totals["stopped"] += silent and flow.client.seen_on == IN
    totals["passed"] += silent and bool(flow.client.seen_on & OUT)


def _add_end(totals: Counter[str], flow: TcpFlow) -> None:
    """Refused, rejected by an ICMP error, or reset after data."""
    rejected = flow.state == "unreachable" and bool(flow.icmp_note)
    totals["rejected"] += rejected
    totals["refused"] += flow.state == "refused" or rejected
    if flow.reset_by is not None and flow.synack_at and flow.state.startswith("reset"):
        side = "client_resets" if flow.reset_by.client else "server_resets"
        totals[side] += bool(flow.client.payload)


def _is_slow(flow: TcpFlow, rtt: int | None) -> bool:
    """Whether an answer was later than a second, or far later than the path needs."""
    if not flow.waits.count:
        return False
    needed = min(SLOW_NS, max(SLOW_LEAST_NS, SLOW_TIMES * (rtt or 0)))
    return flow.waits.largest >= needed


def _is_stuck(flow: TcpFlow) -> bool:
    """Whether a full-size segment is retransmitted again and again, after timeouts, and nothing of
    that size gets through."""
    if (
        flow.reset_by is not None
        or flow.client.counts.zero_windows
        or flow.server.counts.zero_windows
    ):
        return False
    if max(flow.client.counts.timeouts, flow.server.counts.timeouts) < STUCK:
        return False
    again = 0
    for moment in flow.events:
        if moment.size < FULL_SIZE * moment.count:
            continue
        if moment.kind in AGAIN:
            again += moment.count
        elif moment.kind == "data":
            again = 0
    return again >= STUCK
