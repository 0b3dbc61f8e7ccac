"""On which sides of a machine a connection was seen: where it came in, and where it went out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache, reduce
from itertools import chain
from operator import or_

from collectors.capture.hop_counts import LEFT, TO_CLIENT, HopCounts
from collectors.capture.joined_legs import Legs

CAME_IN, ANSWERS_CAME_IN, WENT_OUT, ANSWERS_WENT_OUT, PASSED = (1 << bit for bit in range(5))
SIDES = PASSED - 1
MOST_PATTERNS = 10_000  # connections through the same interfaces have the same codes
Codes = tuple[int, ...]  # of hop_counts
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
    seen = tuple([tuple(leg.hops.counts) for leg in legs if leg.hops is not None])
    return _votes(seen, first.client.interface, last.server.interface)


@lru_cache(MOST_PATTERNS)
def _votes(seen: tuple[Codes, ...], to_client: int, to_server: int) -> Votes:
    """By the codes of each leg, and the interfaces by which packets leave for the ends."""
    codes = list(chain(*seen))
    return (*_vote(codes, to_server, LEFT), *_vote(codes, to_client, LEFT | TO_CLIENT))


def _vote(codes: Iterable[int], final: int, direction: int) -> Iterator[tuple[int, int]]:
    there = {code >> 5 for code in codes if code & (LEFT | TO_CLIENT) == direction} - {0}
    if final in there:
        yield final, -1
        for other in there - {final}:
            yield other, 1


def sides_of(counted: HopCounts | None, transit: Interfaces) -> int:
    """Where packets of a flow were seen, as bits: CAME_IN, ANSWERS_CAME_IN, …"""
    if counted is None:
        return 0
    sides = _sides(tuple(counted.counts), transit)
    for _, counts in counted.older:
        sides |= _sides(tuple(counts), transit)
    return sides


@lru_cache(MOST_PATTERNS)
def _sides(codes: Codes, transit: Interfaces) -> int:
    return reduce(or_, [_side(code, transit) for code in codes], 0)


def _side(code: int, transit: Interfaces) -> int:
    """0 if the interface is not known."""
    interface = code >> 5
    if not interface:
        return 0
    return PASSED if code & LEFT and interface in transit else 1 << (code >> 3 & 3)
