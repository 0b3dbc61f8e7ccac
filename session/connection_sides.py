"""On which sides of a machine a connection was seen: where it came in, and where it went out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from collectors.capture.hop_counts import LEFT, TO_CLIENT, HopCounts
from collectors.capture.joined_legs import Legs

CAME_IN, ANSWERS_CAME_IN, WENT_OUT, ANSWERS_WENT_OUT, PASSED = (1 << bit for bit in range(5))
SIDES = PASSED - 1
Interfaces = frozenset[int]
Votes = tuple[tuple[int, int], ...]  # interface, count


def transit_interfaces(votes: Iterable[Votes]) -> Interfaces:
    """Interfaces that packets go out by on their path to another one, as a bridge, or a tunnel's
    device: a packet has not left the node there. Most connections say it: legs that were joined
    wrongly once say anything."""
    counted: Counter[int] = Counter()
    for of_connection in votes:
        for interface, count in of_connection:
            counted[interface] += count
    return frozenset(interface for interface, count in counted.items() if count > 0)


def transit_votes(legs: Legs) -> Votes:
    """1 for an interface that a connection passes, -1 for one that it leaves by. Known by what the
    same connection's answers come in by first."""
    first, last = legs[0], legs[-1]
    if not (first.client.packets and last.server.packets):
        return ()
    there = _vote(legs, last.server.interface, LEFT)
    return (*there, *_vote(legs, first.client.interface, LEFT | TO_CLIENT))


def _vote(legs: Legs, final: int, wanted: int) -> Iterator[tuple[int, int]]:
    left = _out_by(legs, wanted)
    if final in left:
        yield final, -1
        for other in left - {final}:
            yield other, 1


def _out_by(legs: Legs, wanted: int) -> set[int]:
    """The interfaces that a connection goes out by in a direction."""
    codes = _latest_codes(legs)
    return {code >> 5 for code in codes if code & (LEFT | TO_CLIENT) == wanted and code >> 5}


def _latest_codes(legs: Legs) -> Iterator[int]:
    for leg in legs:
        if leg.hops is not None:
            yield from leg.hops.counts


def sides_of(counted: HopCounts | None, transit: Interfaces) -> int:
    """Where packets of a flow were seen, as bits: CAME_IN, ANSWERS_CAME_IN, …"""
    sides = 0
    for counts in counted.between() if counted is not None else ():
        for code in counts:
            sides |= _side(code, transit)
    return sides


def _side(code: int, transit: Interfaces) -> int:
    """0 for what no interface is known of."""
    interface = code >> 5
    if not interface:
        return 0
    return PASSED if code & LEFT and interface in transit else 1 << (code >> 3 & 3)
