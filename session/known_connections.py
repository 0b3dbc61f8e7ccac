"""What one look at a capture found of each connection, kept for the next: a connection that has
sent no packet since is not counted again. A node has thousands in 15 s, and most are over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import reduce
from operator import or_
from typing import NamedTuple

from collectors.capture.flow_event import (
    FIN_RETRANSMITTED,
    RETRANSMITTED,
    RETRANSMITTED_FAST,
    RETRANSMITTED_SPURIOUSLY,
    SYN_ACK_RETRANSMITTED,
    SYN_RETRANSMITTED,
)
from collectors.capture.flow_expiry import Flow
from collectors.capture.hop_counts import (
    AGAIN_FAST,
    AGAIN_FIN,
    AGAIN_SPURIOUS,
    AGAIN_SYN,
    AGAIN_TIMEOUT,
    BUCKET_NS,
    LEFT,
    TO_CLIENT,
    HopCounts,
)
from collectors.capture.joined_legs import Legs
from collectors.capture.tcp import TcpFlow
from session.connection_outcomes import LATE_NS, outcome
from session.connection_sides import (
    ANSWERS_CAME_IN,
    ANSWERS_WENT_OUT,
    CAME_IN,
    PASSED,
    SIDES,
    WENT_OUT,
    Interfaces,
    sides_of,
    transit_votes,
)

AGAIN = 1 << 5  # with a code: retransmissions
KINDS_AGAIN: dict[int, int] = {
    SYN_RETRANSMITTED: AGAIN_SYN,
    SYN_ACK_RETRANSMITTED: AGAIN_SYN,
    RETRANSMITTED: AGAIN_TIMEOUT,
    RETRANSMITTED_FAST: AGAIN_FAST,
    RETRANSMITTED_SPURIOUSLY: AGAIN_SPURIOUS,
    FIN_RETRANSMITTED: AGAIN_FIN,
}
EVENTS_AGAIN = sum(1 << place for place in KINDS_AGAIN)
Ends = tuple[str, bytes, bytes, int, bytes, int, bytes, bool]
Codes = dict[int, int]  # packets by the codes of hop_counts


class Connection:
    """The legs of one, and what was found of them. `ends` is None where it passed nowhere."""

    __slots__ = (
        "_counted",
        "_is_final",
        "_sides",
        "_transit",
        "ends",
        "holds",
        "last_ns",
        "legs",
        "packets",
        "votes",
    )

    def __init__(self, legs: Legs, last_ns: int) -> None:
        self.legs = legs
        self.last_ns = last_ns
        self.votes = transit_votes(legs)
        self.ends: Ends | None = None
        self.holds: frozenset[str] = frozenset()
        self.packets: dict[int, Codes] = {}  # by bucket
        self._transit: Interfaces | None = None  # those of the last look
        self._counted: list[tuple[int, int]] = []  # packets of each leg at the last look
        self._sides = 0
        self._is_final = False

    def look(self, transit: Interfaces, now: int, latest: int) -> None:
        """`now` is the time of the latest packet of all captures, `latest` of this one, in ns.
        Where it passed depends on its packets and `transit`, what became of it on `now` as well."""
        if self._is_final and self._transit == transit:
            return
        counted = [_counted_on(leg.hops) for leg in self.legs]
        if self._transit != transit or self._counted != counted:
            self._counted = counted
            self._locate(transit)
        self._is_final = latest - self.last_ns > LATE_NS
        if self.ends is not None:
            self.holds = frozenset(outcome(self.legs, self._sides, now))

    def _locate(self, transit: Interfaces) -> None:
        self._transit, self.ends = transit, None
        masks = [sides_of(leg.hops, transit) for leg in self.legs]
        if any(masks):
            self._sides = reduce(or_, masks) & SIDES
            self.ends = _ends(self.legs, masks)
            self.packets = _packets(self.legs, transit)
        elif all(map(_has_no_place, self.legs)):
            self._sides = WENT_OUT  # nothing says that it stopped
            self.ends = _ends(self.legs, masks)
            self.packets = _retransmitted(self.legs)


def _counted_on(hops: HopCounts | None) -> tuple[int, int]:
    """The current bucket and what it counts. A copy of a packet on another interface is counted,
    and does not change when the flow was last seen."""
    return (hops.bucket, sum(hops.counts.values())) if hops is not None else (0, 0)


class KnownConnections:
    """Those of one target that its last look met."""

    def __init__(self) -> None:
        self._known: dict[int, Connection] = {}  # by the identity of the first leg

    def connection(self, legs: Legs) -> Connection:
        """The one already known, or a new one if a packet has arrived since. It keeps its legs, so
        that no other flow has the identity of the first."""
        first = legs[0]
        last_ns = first.last_ns if len(legs) == 1 else max([leg.last_ns for leg in legs])
        known = self._known.get(id(first))
        if known is None or known.last_ns != last_ns or known.legs != legs:
            return Connection(legs, last_ns)
        return known

    def keep(self, connections: Iterable[Connection]) -> None:
        """Those of a complete look, and no others."""
        self._known = {id(one.legs[0]): one for one in connections}


# --- packets


def _packets(legs: Legs, transit: Interfaces) -> dict[int, Codes]:
    """By bucket; of each what the interface saw that saw most of it."""
    found: dict[int, _BucketPackets] = {}
    for leg in legs:
        for bucket, counts in _by_bucket(leg):
            if bucket not in found:
                found[bucket] = _BucketPackets({}, {})
            _add(found[bucket], counts, leg, legs, transit)
    return {bucket: counted.most for bucket, counted in found.items()}


def _by_bucket(leg: Flow) -> Iterator[tuple[int, Codes]]:
    if leg.hops is not None:
        yield from leg.hops.older
        yield leg.hops.bucket, leg.hops.counts


class _BucketPackets(NamedTuple):
    """Packets of all legs by their codes, and the most that one interface saw, by codes without
    the interface."""

    summed: Codes
    most: Codes


def _add(to: _BucketPackets, counts: Codes, leg: Flow, legs: Legs, transit: Interfaces) -> None:
    """On one interface a packet is of one leg. Retransmissions, whose codes have no interface, are
    counted on the leg nearest to their sender, which has all of them."""
    summed, most = to
    for code, count in counts.items():
        kind = code & 31
        if code < AGAIN:
            if leg is (legs[-1] if code & TO_CLIENT else legs[0]):
                most[AGAIN | code] = most.get(AGAIN | code, 0) + count
        elif not (kind & LEFT and code >> 5 in transit):
            total = summed[code] = summed.get(code, 0) + count
            if total > most.get(kind, 0):
                most[kind] = total


# --- captures of one interface, which name none


def _has_no_place(leg: Flow) -> bool:
    """What came in and went out is not known: as of a machine's own connections. Of datagrams
    nobody knows either whether an answer is due."""
    return leg.hops is None and isinstance(leg, TcpFlow)


def _retransmitted(legs: Legs) -> dict[int, Codes]:
    """Retransmissions by bucket, as far as events are kept of them."""
    found: dict[int, Codes] = {}
    for leg in legs:
        if not isinstance(leg, TcpFlow) or not leg.retransmitted:
            continue
        counted = leg.counted_events(EVENTS_AGAIN, BUCKET_NS)
        for (bucket, kind, by_client), count in counted.items():
            code = AGAIN | KINDS_AGAIN[kind] | (0 if by_client else TO_CLIENT)
            counts = found.setdefault(bucket, {})
            counts[code] = counts.get(code, 0) + count
    return found


# --- ends


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
