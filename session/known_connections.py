"""Connections between two looks at a capture: what was found of those of which no packet came
since is not counted again. A node has thousands in 15 s, and most of them are over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import reduce
from operator import or_

from collectors.capture.flow_expiry import Flow
from collectors.capture.hop_counts import LEFT, TO_CLIENT
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
Ends = tuple[str, bytes, bytes, int, bytes, int, bytes, bool]
Codes = dict[int, int]  # packets by the codes of hop_counts


class Connection:
    """The legs of one, and what was found of them. `ends` is None where it passed nowhere."""

    __slots__ = ("_is_final", "_transit", "ends", "holds", "last_ns", "legs", "packets", "votes")

    def __init__(self, legs: Legs, last_ns: int) -> None:
        self.legs = legs
        self.last_ns = last_ns
        self.votes = transit_votes(legs)
        self.ends: Ends | None = None
        self.holds: frozenset[str] = frozenset()
        self.packets: dict[int, Codes] = {}  # by bucket
        self._transit: Interfaces = frozenset()
        self._is_final = False

    def look(self, transit: Interfaces, now: int, latest: int) -> None:
        """`now` is the time of the latest packet of all captures, `latest` of this one, in ns."""
        if self._is_final and self._transit == transit:
            return
        masks = [sides_of(leg.hops, transit) for leg in self.legs]
        self._transit, self._is_final = transit, latest - self.last_ns > LATE_NS
        self.ends = None
        if any(masks):
            self.ends = _ends(self.legs, masks)
            found = outcome(self.legs, reduce(or_, masks) & SIDES, now)
            self.holds = frozenset(name for name, is_so in found.items() if is_so)
            self.packets = _packets(self.legs, transit)


class KnownConnections:
    """Those of one target, from look to look."""

    def __init__(self) -> None:
        self._before: dict[int, Connection] = {}
        self._found: dict[int, Connection] = {}

    def turn(self) -> None:
        """A look begins: those that the last one did not meet are of no use."""
        self._before, self._found = self._found, {}

    def connection(self, legs: Legs) -> Connection:
        """That of before, where no packet came since. It keeps its legs, so that no other flow has
        the identity of the first."""
        first, last_ns = id(legs[0]), max([leg.last_ns for leg in legs])
        known = self._before.get(first)
        if known is None or known.last_ns != last_ns or known.legs != legs:
            known = Connection(legs, last_ns)
        self._found[first] = known
        return known


# --- packets


def _packets(legs: Legs, transit: Interfaces) -> dict[int, Codes]:
    """By bucket; of each what the interface saw that saw most of it."""
    found: dict[int, Codes] = {}
    for leg in legs:
        for bucket, counts in _by_bucket(leg):
            _add(found.setdefault(bucket, defaultdict(int)), leg, counts, legs)
    return {bucket: _most(counted, transit) for bucket, counted in found.items()}


def _by_bucket(leg: Flow) -> Iterator[tuple[int, Codes]]:
    if leg.hops is not None:
        yield from leg.hops.older
        yield leg.hops.bucket, leg.hops.counts


def _add(found: Codes, leg: Flow, counts: Codes, legs: Legs) -> None:
    """Of all legs: on one interface a packet is of one leg. Retransmissions are counted on the leg
    nearest to their sender, which has all of them."""
    for code, count in counts.items():
        nearest = legs[-1] if code & TO_CLIENT else legs[0]
        if code >> 5 or leg is nearest:
            found[code] += count


def _most(counted: Codes, transit: Interfaces) -> Codes:
    """Without the interface; retransmissions, which have none, with AGAIN."""
    most: Codes = {}
    for code, count in counted.items():
        interface, kind = code >> 5, code & 31
        if not interface:
            most[AGAIN | kind] = count
        elif count > most.get(kind, 0) and not (kind & LEFT and interface in transit):
            most[kind] = count
    return most


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
