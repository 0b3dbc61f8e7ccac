"""From the flows of a capture to the rows of `diagnosis.paths`: legs joined, counts added up."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from operator import or_

from collectors.capture import hop_counts as hops
from collectors.capture.flow_expiry import Flow
from collectors.capture.hop_counts import BUCKET_NS, BUCKETS, LEFT, TO_CLIENT, HopCounts
from collectors.capture.joined_legs import Legs, joined_in_pieces
from collectors.capture.tcp import TcpFlow
from collectors.frozen import frozen
from diagnosis.paths import PathDirection, PathRow, Period, Retransmissions, Segments
from session.conversations import address

WINDOW_BUCKETS = 3
LATE_NS = 1_500_000_000  # an answer that is later is none, for now
LAG_NS = 1_000_000_000  # so late packets of a capture arrive at most
NEVER_NS = 1 << 63
AT_ONCE = 100  # connections: within 1 ms or so
CAME_IN, ANSWERS_CAME_IN, WENT_OUT, ANSWERS_WENT_OUT, PASSED = (1 << bit for bit in range(5))
SIDES = PASSED - 1
AGAIN = 1 << 5  # with a code: retransmissions
FAILED = frozenset(
    ("unanswered", "retried", "incomplete", "silent", "refused", "rejected", "reset_by_server")
)
Ends = tuple[str, bytes, bytes, int, bytes, int, bytes, bool]
Interfaces = frozenset[int]
Outcome = dict[str, bool]
Codes = dict[int, int]  # packets by the codes of hop_counts


@frozen
class PathWindow:
    """Of which time the counts are: buckets of BUCKET_NS, from `first` to that of `now` (ns). Those
    of `complete` are whole in every capture; `latest` are the last two of them, and what is since.
    """

    first: int
    now: int
    complete: range

    @property
    def since(self) -> int:
        """The time of the first packet, in ns."""
        return self.first * BUCKET_NS

    @property
    def buckets(self) -> range:
        return range(self.first, self.now // BUCKET_NS + 1)

    def is_covered(self, first_ns: int, latest_ns: int) -> bool:
        """Whether a capture has all that can be compared."""
        start, stop = (BUCKET_NS * bucket for bucket in (self.complete.start, self.complete.stop))
        return not self.complete or (first_ns <= start and stop <= latest_ns)

    @property
    def latest(self) -> tuple[range, range, range]:
        end = self.complete.stop
        return range(end - 2, end - 1), range(end - 1, end), range(end, self.buckets.stop)

    @property
    def latest_since(self) -> int:
        """ns; `latest` is of no use before two buckets are whole."""
        return (self.complete.stop - 2) * BUCKET_NS if len(self.complete) > 1 else NEVER_NS


def window(now: int, began: int, covered: int) -> PathWindow:
    """`began` is the time from which all captures reach, to `covered`."""
    last = now // BUCKET_NS
    first = max(began // BUCKET_NS, last - BUCKETS) + 1
    whole = range(first, (covered - LAG_NS) // BUCKET_NS)
    return PathWindow(last - WINDOW_BUCKETS, now, whole)


class _PathTotals:
    """Connections between the same ends, added up."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.failing = self.answering = Period()
        self.whole: Codes = defaultdict(int)
        self.complete: Codes = defaultdict(int)
        self.latest: list[Codes] = [defaultdict(int) for _ in range(3)]
        self.icmp = self.icmp_from = ""
        self.translated: set[bytes] = set()

    def add(self, legs: Legs, sides: int, of: PathWindow, transit: Interfaces) -> None:
        self._add_outcome(_outcome(legs, sides, of.now), legs[0].first_ns)
        _add_most(self.whole, _counted(legs, of.buckets), transit)
        _add_most(self.complete, _counted(legs, of.complete), transit)
        if _last_ns(legs) >= of.latest_since:
            for totals, buckets in zip(self.latest, of.latest, strict=True):
                _add_most(totals, _counted(legs, buckets), transit)
        self.translated.update(leg.server.address for leg in legs[1:])
        for leg in legs:
            self.icmp = leg.icmp_note or self.icmp
            self.icmp_from = leg.icmp_from or self.icmp_from

    def _add_outcome(self, outcome: Outcome, opened: int) -> None:
        holds = {name for name, is_so in outcome.items() if is_so}
        self.outcomes["connections"] += 1
        self.outcomes.update(holds)
        self._add_times(opened, holds)

    def _add_times(self, opened: int, outcome: set[str]) -> None:
        moment = Period(opened, opened)
        if outcome & FAILED:
            self.failing += moment
        if "answered" in outcome:
            self.answering += moment


def _counted(legs: Legs, buckets: range) -> Codes:
    """By code, of all legs: on one interface a packet is of one leg. Retransmissions are counted on
    the leg nearest to their sender, which has all of them."""
    found: Codes = defaultdict(int)
    for leg in legs:
        for code, count in _codes(leg, buckets):
            nearest = legs[-1] if code & TO_CLIENT else legs[0]
            if code >> 5 or leg is nearest:
                found[code] += count
    return found


def _codes(leg: Flow, buckets: range) -> Iterator[tuple[int, int]]:
    """(code, packets) of each bucket."""
    for counts in _between(leg.hops, buckets):
        yield from counts.items()


def _between(counted: HopCounts | None, *buckets: range) -> Iterable[Codes]:
    """The counts of some buckets, or of all; none where hops are not counted."""
    return counted.between(*buckets) if counted is not None else ()


def _add_most(totals: Codes, counted: Codes, transit: Interfaces) -> None:
    """What the interface saw that saw most of it; in `totals` nothing says which."""
    most: Codes = {}
    for code, count in counted.items():
        interface, kind = code >> 5, code & 31
        if not interface:
            totals[AGAIN | kind] += count
        elif count > most.get(kind, 0) and not (kind & LEFT and interface in transit):
            most[kind] = count
    for kind, count in most.items():
        totals[kind] += count


def rows(flows: Sequence[Flow], of: PathWindow) -> Iterator[PathRow | None]:
    """A row for each pair of ends that sent something in the window, in pieces: None where somebody
    else may have a turn."""
    found = _Paths(of)
    connections: list[Legs] = []
    for legs in joined_in_pieces(flows):
        if legs is None:
            yield None
        else:
            connections.append(legs)
    transit = transit_interfaces(connections)
    for number, legs in enumerate([one for one in connections if _recent(one, of)]):
        if number % AT_ONCE == AT_ONCE - 1:
            yield None
        found.add(legs, transit)
    yield from found.rows()


def _recent(legs: Legs, of: PathWindow) -> bool:
    return _last_ns(legs) >= of.since


def _last_ns(legs: Legs) -> int:
    return max(leg.last_ns for leg in legs)


class _Paths:
    """Connections in groups of those that have the same ends."""

    def __init__(self, of: PathWindow) -> None:
        self._window = of
        self._groups: dict[Ends, _PathTotals] = {}

    def add(self, legs: Legs, transit: Interfaces) -> None:
        masks = [_sides(leg.hops, transit) for leg in legs]
        if any(masks):
            totals = self._groups.setdefault(_ends(legs, masks), _PathTotals())
            totals.add(legs, reduce(or_, masks) & SIDES, self._window, transit)

    def rows(self) -> Iterator[PathRow]:
        for ends, totals in self._groups.items():
            yield _row(ends, totals)


def transit_interfaces(connections: Iterable[Legs]) -> Interfaces:
    """Interfaces that packets go out by on their path to another one, as a bridge, or a tunnel's
    device: a packet has not left the node there. Known by what the same connection's answers come
    in by first."""
    votes: Counter[int] = Counter()
    for legs in connections:
        first, last = legs[0], legs[-1]
        if first.client.packets and last.server.packets:
            _vote(votes, legs, last.server.interface, LEFT)
            _vote(votes, legs, first.client.interface, LEFT | TO_CLIENT)
    return frozenset(interface for interface, count in votes.items() if count > 0)


def _vote(votes: Counter[int], legs: Legs, final: int, wanted: int) -> None:
    """Most connections say it: legs that were joined wrongly once say anything."""
    others = _others(legs, final, wanted)
    votes.update(others)
    if others or final in _out_by(legs, wanted):
        votes[final] -= 1


def _others(legs: Legs, final: int, wanted: int) -> set[int]:
    """The interfaces beside the final one that a connection goes out by, where it does."""
    left = _out_by(legs, wanted)
    return left - {final} if final in left else set()


def _out_by(legs: Legs, wanted: int) -> set[int]:
    """The interfaces that a connection goes out by in a direction."""
    codes = _latest_codes(legs)
    return {code >> 5 for code in codes if code & (LEFT | TO_CLIENT) == wanted and code >> 5}


def _latest_codes(legs: Legs) -> Iterator[int]:
    for leg in legs:
        if leg.hops is not None:
            yield from leg.hops.counts


def _sides(counted: HopCounts | None, transit: Interfaces) -> int:
    """Where packets of a flow were seen, as bits: CAME_IN, ANSWERS_CAME_IN, …"""
    sides = 0
    for counts in _between(counted):
        for code in counts:
            sides |= _side(code, transit)
    return sides


def _side(code: int, transit: Interfaces) -> int:
    """0 for what no interface is known of."""
    interface = code >> 5
    if not interface:
        return 0
    return PASSED if code & LEFT and interface in transit else 1 << (code >> 3 & 3)


def _ends(legs: Legs, masks: list[int]) -> Ends:
    """Where the connection comes from and goes to, by the first and the last of its legs."""
    first, last = legs[0], _last_that_left(legs, masks)
    one_sided = _is_one_sided(reduce(or_, masks), _is_completed(legs))
    if last is None and one_sided:
        last = first
    return (
        first.protocol,
        first.client.address,
        first.server.address,
        first.server.port,
        last.server.address if last else b"",
        last.server.port if last else 0,
        (last or first).client.address,
        one_sided,
    )


def _last_that_left(legs: Legs, masks: list[int]) -> Flow | None:
    pairs = list(zip(legs, masks, strict=True))
    return next((leg for leg, sides in reversed(pairs) if sides & (WENT_OUT | PASSED)), None)


def _is_completed(legs: Legs) -> bool:
    return any(isinstance(leg, TcpFlow) and leg.acked_at for leg in legs)


def _is_one_sided(sides: int, completed: bool) -> bool:
    """Whether the machine itself is an end (what it sends never comes in), or what arrives all the
    same is not seen to go out (loopback; eBPF that hands packets on): requests that are answered,
    answers that complete a handshake."""
    asked, answered = sides & (CAME_IN | WENT_OUT), sides & (ANSWERS_CAME_IN | ANSWERS_WENT_OUT)
    if not asked or asked == WENT_OUT or answered == ANSWERS_WENT_OUT:
        return True
    if asked == CAME_IN and answered:
        return True
    return answered == ANSWERS_CAME_IN and completed


def _row(ends: Ends, totals: _PathTotals) -> PathRow:
    protocol, client, asked, asked_port, endpoint, endpoint_port, sent_as, one_sided = ends
    return PathRow(
        protocol=protocol,
        client=address(client),
        asked=address(asked),
        asked_port=asked_port,
        endpoint=address(endpoint) if endpoint else "",
        endpoint_port=endpoint_port,
        sent_as=address(sent_as),
        one_sided=one_sided,
        to_server=_direction(totals, 0),
        to_client=_direction(totals, TO_CLIENT),
        failing=totals.failing,
        answering=totals.answering,
        icmp=totals.icmp,
        icmp_from=totals.icmp_from,
        tried=frozenset(address(one) for one in totals.translated - {asked, endpoint}),
        **totals.outcomes,
    )


def _direction(totals: _PathTotals, direction: int) -> PathDirection:
    whole, complete = totals.whole, totals.complete
    before, last, _ = totals.latest
    return PathDirection(
        entered=_segments(whole, direction),
        left=_segments(whole, direction | LEFT),
        retransmitted=_retransmissions(whole, direction),
        complete_entered=_segments(complete, direction),
        complete_left=_segments(complete, direction | LEFT),
        latest_left=(_packets(before, direction | LEFT), _packets(last, direction | LEFT)),
        latest_entered=sum(_packets(codes, direction) for codes in totals.latest),
    )


def _packets(counts: Codes, place: int) -> int:
    return sum(counts.get(place | kind, 0) for kind in hops.KINDS if kind != hops.BYTES)


def _retransmissions(counts: Codes, direction: int) -> Retransmissions:
    return Retransmissions(*(counts.get(AGAIN | direction | kind, 0) for kind in hops.AGAIN))


def _segments(counts: Codes, place: int) -> Segments:
    return Segments(*(counts.get(place | kind, 0) for kind in hops.KINDS))


# --- what became of a connection


def _outcome(legs: Legs, sides: int, now: int) -> Outcome:
    tcp = [leg for leg in legs if isinstance(leg, TcpFlow)]
    if tcp:
        return _opening(tcp, sides, now) | _request(tcp, now)
    return _of_datagrams(legs, now)


def _of_datagrams(legs: Legs, now: int) -> Outcome:
    answered = any(leg.server.packets for leg in legs)
    failed = any(leg.state == "unreachable" for leg in legs)
    waiting = now - legs[0].first_ns > LATE_NS and legs[0].state == "unanswered"
    return {
        "completed": answered,
        "answered": answered,
        "requests": any(leg.client.packets for leg in legs),
        "rejected": failed,
        "unanswered": waiting and not answered and not failed,
    }


def _opening(legs: Sequence[TcpFlow], sides: int, now: int) -> Outcome:
    """The handshake, by all legs: what one of them saw happened."""
    answered_at = max(leg.synack_at for leg in legs)
    completed = any(leg.acked_at for leg in legs)
    found: Outcome = {"completed": completed, "retried": _is_retried(legs)}
    if answered_at:
        return found | {"incomplete": not completed and now - answered_at > LATE_NS}
    if any(leg.syn_at for leg in legs):
        found |= _unanswered(legs, sides, now)
    return found


def _is_retried(legs: Sequence[TcpFlow]) -> bool:
    return any(leg.client.counts.syn_retransmitted for leg in legs)


def _unanswered(legs: Sequence[TcpFlow], sides: int, now: int) -> Outcome:
    states = {leg.state for leg in legs}
    again = _is_retried(legs)
    silent = states <= {"unanswered"} and (again or now - legs[0].first_ns > LATE_NS)
    return {
        "refused": "refused" in states,
        "rejected": "unreachable" in states,
        "unanswered": silent,
        "retried": again or silent,
        "stuck": silent and again and not sides & WENT_OUT,
    }


def _request(legs: Sequence[TcpFlow], now: int) -> Outcome:
    asked = any(leg.client.payload for leg in legs)
    answered = any(leg.server.payload for leg in legs)
    cut = [leg for leg in legs if leg.reset_by is not None and leg.synack_at and not answered]
    reset = any(leg.reset_by is leg.server for leg in cut)
    return {
        "requests": asked,
        "answered": asked and answered,
        "silent": asked and not answered and not reset and _gave_up(legs, now),
        "reset_by_client": any(leg.reset_by is leg.client for leg in cut),
        "reset_by_server": reset,
    }


def _gave_up(legs: Sequence[TcpFlow], now: int) -> bool:
    """Whether an answer is late, or was until the client closed the connection."""
    over = any(leg.client.fin_at or leg.reset_by is leg.client for leg in legs)
    until = _closed_at(legs) if over else now
    return until - max(leg.asked_at for leg in legs) > LATE_NS


def _closed_at(legs: Sequence[TcpFlow]) -> int:
    return max(leg.client.fin_at or leg.last_ns for leg in legs)
