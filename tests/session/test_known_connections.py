"""What was found of connections before is what a first look finds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from random import Random

import pytest

from collectors.capture.flows import FlowTable
from collectors.capture.joined_legs import joined
from collectors.events import Packet
from diagnosis.paths import PathRow
from session import paths
from session.known_connections import KnownConnections
from session.path_window import window
from tests.support.node_capture import (
    ACK,
    COOKED2,
    IN,
    OUT,
    PUSH,
    RST,
    SECOND,
    SYN,
    SYN_ACK,
    Ends,
    Hop,
    Segment,
)

POD, SERVICE, ENDPOINT = "10.244.1.6", "10.96.0.7", "10.244.2.3"
BEGAN = 100 * SECOND
ISN = 1_000


def packets(rnd: Random) -> list[Packet]:
    """Connections that are answered, refused, silent or never opened, with packets on either side
    of a translation that come, or do not."""
    found = []
    for port in range(20_000, 20_040):
        inside: Ends = (POD, port, SERVICE, 80)
        outside: Ends = (POD, port, ENDPOINT, 8080)
        there = (Hop(5, IN, inside), Hop(2, OUT, outside), Hop(3, OUT, outside))
        back = (Hop(3, IN, outside), Hop(5, OUT, inside))
        at = BEGAN + rnd.randrange(20 * SECOND)
        start = ISN * port
        segments = [
            (Segment(SYN, start, ident=port), there, False),
            (Segment(SYN_ACK, 5, start + 1), back, True),
            (Segment(ACK, start + 1, 6), there, False),
            (Segment(PUSH, start + 1, 6, 100), there, False),
            (Segment(PUSH, start + 1, 6, 100), there, False),
            (Segment(rnd.choice((PUSH, RST)), 6, start + 101, 1_400), back, True),
        ]
        for segment, hops, is_answer in segments[: rnd.randint(1, len(segments))]:
            at += rnd.choice((1_000, SECOND // 2, 3 * SECOND))
            seen = hops[: rnd.randint(1, len(hops))]
            found += [segment.at(hop, at + n, is_answer) for n, hop in enumerate(seen)]
    return sorted(found, key=lambda packet: packet.ns)


def looked(table: FlowTable, known: KnownConnections) -> list[PathRow]:
    of = window(table.latest_ns, table.first_ns, table.latest_ns)
    found = [row for row in paths.rows(joined(table.flows), of, known) if row is not None]
    return sorted(found, key=repr)


def in_pieces(captured: Sequence[Packet], rnd: Random) -> list[Sequence[Packet]]:
    cuts = sorted({0, len(captured), *(rnd.randrange(len(captured)) for _ in range(12))})
    return [captured[one:other] for one, other in pairwise(cuts)]


@pytest.mark.parametrize("seed", range(12))
def test_each_look_finds_what_a_first_look_would(seed: int) -> None:
    rnd, known, table = Random(seed), KnownConnections(), FlowTable(hops=True)
    for piece in in_pieces(packets(rnd), rnd):
        table.add(COOKED2, piece)
        assert looked(table, known) == looked(table, KnownConnections())


def test_what_is_over_is_not_counted_again() -> None:
    known, table = KnownConnections(), FlowTable(hops=True)
    for second, port in enumerate((20_000, 20_001)):
        ends: Ends = (POD, port, SERVICE, 80)
        table.add(
            COOKED2, [Segment(SYN, ISN * port).at(Hop(5, IN, ends), BEGAN + 4 * second * SECOND)]
        )
    looked(table, known)
    before = list(known._known.values())
    looked(table, known)
    after = list(known._known.values())
    assert [one is other for one, other in zip(before, after, strict=True)] == [True, True]
    assert [one._is_final for one in after] == [True, False]


def test_only_connections_of_the_last_look_are_kept() -> None:
    known, table = KnownConnections(), FlowTable(hops=True)
    table.add(COOKED2, packets(Random(1)))
    looked(table, known)
    of = window(table.latest_ns, table.first_ns, table.latest_ns)
    list(paths.rows(joined(table.flows[:1]), of, known))
    assert [one.legs for one in known._known.values()] == [(table.flows[0],)]
