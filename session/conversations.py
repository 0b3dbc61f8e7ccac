"""From the flows of a capture to the conversations that rules look at."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from ipaddress import ip_address
from itertools import islice
from statistics import median
from typing import NamedTuple

from collectors.capture.direction import IN, NOTHING_COUNTED, OUT, Direction
from collectors.capture.flow_event import FlowEvent
from collectors.capture.flows import Flow
from collectors.capture.header_values import AHEAD, MASK
from collectors.capture.joined_legs import Legs
from collectors.capture.tcp import TcpFlow
from collectors.capture.tracked_flow import RECENT_NS
from collectors.frozen import frozen
from diagnosis.slow_answers import SLOW_LEAST_NS, SLOW_NS, SLOW_TIMES
from diagnosis.snapshot import Conversation
from session.capture_time import capture_time
from session.greetings import greeted_after
from session.server_pushes import are_pushes, are_timed

UNANSWERED_NS = 1_500_000_000  # a SYN that was retransmitted, or waits longer than any path needs
LONG_POLL_NS, ALIKE = 10 * 1_000_000_000, 1.05
CLOCK_NS, AT_ONE_MOMENT_NS = 60 * 1_000_000_000, 1_000_000_000
FULL_SIZE = 1_000  # bytes: segments of bulk data
MOST_FLOWS = 1_500  # the newest
MOST_LASTING = 1_000  # of those that began earlier
STUCK = 2  # timeouts of one flow in which nothing was acknowledged
AGAIN = ("retransmission", "spurious retransmission")
MOVES_ON = ("data", "out of order", "window full")
NEW = ("data", "out of order", "window full", "zero window", "FIN")  # data that is sent first

Ends = tuple[str, bytes, bytes, int]
Groups = dict[Ends, list[Flow]]


class LegsSeen(NamedTuple):
    """What any leg of a connection saw: IN, OUT of the client's first packet, and of the server's;
    whether the handshake was completed; whether an ACK alone answered the SYN. Where a packet is
    masqueraded between a pod's port and the bridge, a leg has the SYN alone: it was answered all
    the same."""

    client: int
    server: int
    acknowledged: bool
    challenged: bool


SeenOn = dict[int, LegsSeen]  # by the number of a flow


@frozen
class RecentFlows:
    """The flows of the capture's last 15 s by the ends of their conversation; `now` is the time of
    the last packet, in ns."""

    groups: Groups
    now: int
    seen_on: SeenOn

    def conversations(self) -> Iterator[Conversation]:
        for ends, flows in self.groups.items():
            yield _conversation(ends, flows, self.now, self.seen_on)


def recent(flows: Sequence[Flow], joined: Iterable[Legs], until: int = 0) -> RecentFlows:
    """Those of the 15 s before `until`, in ns, or before the last packet if that is later. `joined`
    are the same flows, the legs of each connection together."""
    now, until = capture_time(flows, until)
    latest = [flow for flow in flows[-MOST_FLOWS:] if until - flow.last_ns <= RECENT_NS]
    shown = [*_lasting(flows[:-MOST_FLOWS], until), *latest]
    return RecentFlows(_by_ends(shown), now, _seen_on(joined, {flow.number for flow in shown}))


def _lasting(flows: Sequence[Flow], now: int) -> list[Flow]:
    """Those that are still used, of flows that began earlier: many that are short come after one
    that is kept."""
    used = (flow for flow in flows if now - flow.last_ns <= RECENT_NS < now - flow.first_ns)
    return list(islice(used, MOST_LASTING))


def _by_ends(flows: Sequence[Flow]) -> Groups:
    groups: Groups = defaultdict(list)
    for flow in flows:
        groups[_ends(flow)].append(flow)
    return groups


def _ends(flow: Flow) -> Ends:
    return flow.protocol, flow.client.address, flow.server.address, flow.server.port


def _seen_on(joined: Iterable[Legs], shown: set[int]) -> SeenOn:
    """What any leg saw, of the flows `shown` that are one of several legs."""
    found: SeenOn = {}
    for legs in joined:
        if len(legs) > 1 and not shown.isdisjoint([leg.number for leg in legs]):
            found.update(dict.fromkeys([leg.number for leg in legs], _legs_seen(legs)))
    return found


def _legs_seen(legs: Sequence[Flow]) -> LegsSeen:
    client = server = 0
    acknowledged = challenged = False
    for leg in legs:
        client |= leg.client.seen_on
        server |= leg.server.seen_on
        if isinstance(leg, TcpFlow):
            acknowledged = acknowledged or leg.acked_at > 0
            challenged = challenged or _is_challenged(leg)
    return LegsSeen(client, server, acknowledged, challenged)


def _flow_seen(flow: Flow) -> LegsSeen:
    """The same of a connection of one leg."""
    client, server = flow.client.seen_on, flow.server.seen_on
    if isinstance(flow, TcpFlow):
        return LegsSeen(client, server, flow.acked_at > 0, _is_challenged(flow))
    return LegsSeen(client, server, False, False)


@lru_cache(100_000)
def address(packed: bytes) -> str:
    return str(ip_address(packed))


def _conversation(ends: Ends, flows: Sequence[Flow], now: int, seen_on: SeenOn) -> Conversation:
    protocol, client, server, port = ends
    tcp = [flow for flow in flows if isinstance(flow, TcpFlow)]
    timed = [flow for flow in _without_clock(tcp) if not _is_timer(flow)]
    return Conversation(
        protocol=protocol,
        client=address(client),
        server=address(server),
        port=port,
        unreachable=_last(flow.icmp_note for flow in flows),
        rejected_by=_last(flow.icmp_from for flow in flows),
        slowest_ms=_slowest(timed, now) / 1e6,
        rtt_ms=_median_rtt_ms(tcp),
        opened=_opened(tcp) / 1e9,
        slow=_slow(timed, now),
        patient=sum(map(_is_patient, timed)),
        closed_ms=max((_closed(flow, now) for flow in tcp), default=0) / 1e6,
        **_totals(flows, now, seen_on),
    )


def _totals(flows: Sequence[Flow], now: int, seen_on: SeenOn) -> Counter[str]:
    totals: Counter[str] = Counter(flows=len(flows))
    tcp = [flow for flow in flows if isinstance(flow, TcpFlow)]
    for flow in flows:
        sides = seen_on.get(flow.number) or _flow_seen(flow)
        if isinstance(flow, TcpFlow):
            _add_tcp(totals, flow, now, sides)
        else:
            _add_udp(totals, flow, now, sides)
    if totals["stuck"]:
        totals["large"] = sum(_is_large(flow) or _lacks_large(flow, now) for flow in tcp)
    return totals


def _slowest(flows: Sequence[TcpFlow], now: int) -> int:
    """The longest wait for an answer, in ns."""
    return max((_wait(flow, now) for flow in flows), default=0)


def _wait(flow: TcpFlow, now: int) -> int:
    """The longest of the last 15 s: what a connection that lasts met earlier is over."""
    waited = flow.recent_wait if now - flow.recent_wait_at <= RECENT_NS else 0
    return max(waited, greeted_after(flow))


def _opened(flows: Sequence[TcpFlow]) -> int:
    """When the latest that was accepted began, in ns."""
    return max((flow.first_ns for flow in flows if flow.synack_at), default=0)


def _median_rtt_ms(flows: Sequence[TcpFlow]) -> float | None:
    known = [rtt for flow in flows if (rtt := _rtt(flow)) is not None]
    return median(known) / 1e6 if known else None


def _slow(flows: Sequence[TcpFlow], now: int) -> int:
    """How many had a slow answer that was not meant to be."""
    slow = [flow for flow in flows if _is_slow(flow, now)]
    return 0 if _are_long_polls(slow, now) else len(slow)


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
    return max(seen, default=None)


def _add_udp(totals: Counter[str], flow: Flow, now: int, sides: LegsSeen) -> None:
    silent = flow.state == "unanswered"
    totals["unanswered"] += silent and flow.client.packets > 1
    totals["answered"] += flow.state == "answered"
    totals["udp_errors"] += flow.icmp if flow.state == "unreachable" else 0
    _add_seen_on(totals, sides, silent and now - flow.first_ns > UNANSWERED_NS)


def _add_tcp(totals: Counter[str], flow: TcpFlow, now: int, sides: LegsSeen) -> None:
    state = flow.state
    totals["answered"] += bool(flow.synack_at or flow.server.payload or sides.acknowledged)
    if not sides.acknowledged and not sides.challenged:
        _add_handshake(totals, flow, now, sides, state)
    _add_end(totals, flow, state)
    totals["challenged"] += _is_challenged(flow)
    totals["segments"] += flow.client.segments + flow.server.segments
    _add_side(totals, flow.client, "client_zero_windows")
    _add_side(totals, flow.server, "server_zero_windows")
    if _is_stuck(flow) or _lacks_large(flow, now):
        totals["stuck"] += 1
        totals["stuck_again"] += _again(flow.client) + _again(flow.server)


def _add_side(totals: Counter[str], side: Direction, zero_windows: str) -> None:
    if side.counts is not NOTHING_COUNTED:
        totals["retransmitted"] += _again(side)
        totals[zero_windows] += side.counts.zero_windows


def _again(side: Direction) -> int:
    return side.counts.fast + side.counts.timeouts


def _add_handshake(
    totals: Counter[str], flow: TcpFlow, now: int, sides: LegsSeen, state: str
) -> None:
    """Where the SYN, or the answer to it, stops; of a handshake that was not completed."""
    waiting = flow.client.counts.syn_retransmitted > 0 or now - flow.first_ns > UNANSWERED_NS
    silent = state == "unanswered" and waiting
    totals["unanswered"] += silent
    _add_seen_on(totals, sides, silent)
    if flow.synack_at and (waiting or flow.server.counts.syn_retransmitted > 0):
        _add_answer(totals, sides)


def _add_answer(totals: Counter[str], sides: LegsSeen) -> None:
    totals["answers_stopped"] += sides.server == IN
    totals["answers_passed"] += bool(sides.server & OUT)


def _add_seen_on(totals: Counter[str], sides: LegsSeen, silent: bool) -> None:
    if silent:
        totals["stopped"] += sides.client == IN
        totals["passed"] += bool(sides.client & OUT)


def _add_end(totals: Counter[str], flow: TcpFlow, state: str) -> None:
    """Refused, rejected by an ICMP error, or reset after data; by the server, while a request
    waits: some programs end a connection so once the answer is complete."""
    rejected = state == "unreachable" and bool(flow.icmp_note)
    totals["rejected"] += rejected
    totals["refused"] += state == "refused" or rejected
    if flow.reset_by is not None and flow.synack_at and state.startswith("reset"):
        side = "client_resets" if flow.reset_by.client else "server_resets"
        totals[side] += bool(flow.client.payload if flow.reset_by.client else flow.asked_at)


def _is_challenged(flow: TcpFlow) -> bool:
    """Whether the server answered the SYN with something that opens nothing: it has an older
    connection of the same ends (RFC 9293, 3.10.7.4; RFC 5961, 4)."""
    is_reset = flow.syn_at > 0 and not flow.synack_at and flow.reset_by is flow.client
    return is_reset and flow.server.packets > 0


def _is_slow(flow: TcpFlow, now: int) -> bool:
    """Whether an answer was later than a second, or far later than the path needs."""
    if max(flow.recent_wait, greeted_after(flow)) < min(SLOW_NS, SLOW_LEAST_NS):
        return False
    needed = min(SLOW_NS, max(SLOW_LEAST_NS, SLOW_TIMES * (_rtt(flow) or 0)))
    return _wait(flow, now) >= needed


def _are_long_polls(slow: Sequence[TcpFlow], now: int) -> bool:
    """Whether answers that are late are so by design: after one and the same long time, every
    one of these connections."""
    least = min((flow.waits.smallest for flow in slow), default=0)
    waits = sum(flow.waits.count for flow in slow)
    return waits > 1 and least >= LONG_POLL_NS and _slowest(slow, now) <= least * ALIKE


def _is_patient(flow: TcpFlow) -> bool:
    """Whether it got several answers, all of them late: as long polls do, and who keeps a
    connection to a slow server; or messages that it acknowledges."""
    if flow.waits.count < 2:
        return False
    return flow.waits.smallest >= SLOW_NS or (flow.recent_wait >= SLOW_NS and are_pushes(flow))


def _is_timer(flow: TcpFlow) -> bool:
    """Whether what comes late is what the server's own timer sends, as pings."""
    return flow.recent_wait >= SLOW_LEAST_NS and are_pushes(flow) and are_timed(flow)


def _closed(flow: TcpFlow, now: int) -> int:
    """The longest that a window stayed closed, in ns: until data, the end, or now if it is."""
    if not flow.client.counts.zero_windows + flow.server.counts.zero_windows:
        return 0
    longest, since = 0, dict[bool, int]()  # by whether it is the client's
    for event in flow.events:
        if event.kind == "zero window":
            since.setdefault(event.by_client, event.at)
        elif event.kind in MOVES_ON and (not event.by_client) in since:
            longest = max(longest, event.at - since.pop(not event.by_client))
    is_over = flow.reset_by is not None or flow.client.fin_at or flow.server.fin_at
    end = flow.last_ns if is_over else now
    sides = {True: flow.client, False: flow.server}
    still = (at for of_client, at in since.items() if not sides[of_client].window)
    return max(longest, *(end - at for at in still), 0)


def _without_clock(flows: Sequence[TcpFlow]) -> list[TcpFlow]:
    """Without those that waited for a minute and more, as long as each other and until the same
    moment: the clock was set, or the machine slept."""
    late = [flow for flow in flows if flow.recent_wait >= CLOCK_NS]
    waits, ends = [flow.recent_wait for flow in late], [flow.recent_wait_at for flow in late]
    if not late or max(max(waits) - min(waits), max(ends) - min(ends)) > AT_ONE_MOMENT_NS:
        return list(flows)
    return [flow for flow in flows if flow.recent_wait < CLOCK_NS]


def _is_stuck(flow: TcpFlow) -> bool:
    """Whether a full-size segment is retransmitted again and again, after timeouts, and nothing of
    that size gets through."""
    client, server = flow.client.counts, flow.server.counts
    if client is server:  # nothing was counted in either direction
        return False
    if flow.reset_by is not None or client.zero_windows or server.zero_windows:
        return False
    if max(client.timeouts, server.timeouts) < STUCK:
        return False
    waiting = max(_waiting(flow.client, flow.server), _waiting(flow.server, flow.client))
    return waiting >= FULL_SIZE and _last_in_vain(flow.events) >= STUCK


def _waiting(sender: Direction, reader: Direction) -> int:
    """Bytes that the other end has not acknowledged."""
    return _between(reader.last_ack, sender.end)


def _between(start: int, end: int) -> int:
    """Sequence numbers from one to another; 0 where one is not known, or comes after it."""
    distance = (end - start) & MASK
    return distance if min(start, end) >= 0 and distance <= AHEAD else 0


def _lacks_large(flow: TcpFlow, now: int) -> bool:
    """Whether an end has sent more than comes here, and the other one says that it lacks it: not
    the capture alone. Segments that are not full pass, and none that is."""
    client, server = flow.client, flow.server
    has_hole = _is_hole(flow, client, server, now) or _is_hole(flow, server, client, now)
    return has_hole and not _is_large(flow)


def _is_hole(flow: TcpFlow, sender: Direction, reader: Direction, now: int) -> bool:
    """Whether it lasts, or lasted until the connection ended."""
    if sender.ahead == sender.end:
        return False
    if sender.counts.zero_windows or reader.counts.zero_windows:
        return False
    ended = flow.last_ns if reader.fin_at or flow.reset_by is not None else now
    is_lasting = ended - sender.end_at > UNANSWERED_NS
    is_missed = reader.last_ack >= 0 and not _between(sender.ahead, reader.last_ack)
    return is_lasting and is_missed and _between(sender.ahead, sender.end) >= FULL_SIZE


def _is_large(flow: TcpFlow) -> bool:
    return any(map(_is_full_size, flow.events))


def _last_in_vain(events: Iterable[FlowEvent]) -> int:
    """Retransmissions of full-size segments since the last one that was new."""
    again = 0
    for event in filter(_is_full_size, events):
        if event.kind in AGAIN:
            again += event.count
        elif event.kind in NEW:
            again = 0
    return again


def _is_full_size(event: FlowEvent) -> bool:
    return event.size >= FULL_SIZE * event.count
