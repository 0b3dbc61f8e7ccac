"""From the flows of a capture to the rows of `diagnosis.paths`: legs joined, counts added up."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from collectors.capture import hop_counts as hops
from collectors.capture.hop_counts import LEFT, TO_CLIENT
from collectors.capture.joined_legs import Legs
from diagnosis.paths import PathDirection, PathRow, Period, Retransmissions, Segments
from session.connection_outcomes import FAILED
from session.connection_sides import transit_interfaces
from session.conversations import address
from session.known_connections import AGAIN, Codes, Connection, Ends, KnownConnections
from session.path_window import PathWindow

AT_ONCE = 100  # connections: within 1 ms or so
ANSWERED = frozenset(("answered",))
PACKETS = [kind for kind in hops.KINDS if kind != hops.BYTES]


def rows(
    joined: Iterable[Legs], of: PathWindow, known: KnownConnections
) -> Iterator[PathRow | None]:
    """A row for each pair of ends that sent something in the window, in pieces: None where somebody
    else may have a turn. `joined` are the capture's connections, `known` those of the last look."""
    connections: list[Connection] = []
    for legs in joined:
        connections.append(known.connection(legs))
        if len(connections) % AT_ONCE == 0:
            yield None
    known.keep(connections)
    transit = transit_interfaces([one.votes for one in connections if one.votes])
    latest = max([one.last_ns for one in connections], default=0)
    found = _Paths(of)
    recent = [one for one in connections if one.last_ns >= of.since]
    for number, connection in enumerate(recent):
        if number % AT_ONCE == AT_ONCE - 1:
            yield None
        connection.look(transit, of.now, latest)
        found.add(connection)
    yield from found.rows_in_pieces()


class _Paths:
    """Connections in groups of those that have the same ends."""

    def __init__(self, of: PathWindow) -> None:
        self._parts = (of.buckets, of.complete, *of.latest)
        self._groups: dict[Ends, _PathTotals] = defaultdict(_PathTotals)

    def add(self, connection: Connection) -> None:
        if connection.ends is not None:
            self._groups[connection.ends].add(connection)

    def rows_in_pieces(self) -> Iterator[PathRow | None]:
        for number, (ends, totals) in enumerate(self._groups.items(), 1):
            if number % AT_ONCE == 0:
                yield None
            yield _row(ends, totals, [totals.packets_in(part) for part in self._parts])


class _PathTotals:
    """Connections between the same ends, added up."""

    def __init__(self) -> None:
        self._opened: dict[frozenset[str], list[int]] = defaultdict(list)  # by what became of them
        self._packets: dict[int, Codes] = {}  # by bucket
        self.icmp = self.icmp_from = ""
        self.translated: set[bytes] = set()

    def add(self, connection: Connection) -> None:
        legs = connection.legs
        self._opened[connection.holds].append(legs[0].first_ns)
        if connection.packets:
            for bucket, packets in connection.packets.items():
                _add_codes(self._packets.setdefault(bucket, defaultdict(int)), packets)
        for leg in legs:
            if leg.icmp_note:
                self.icmp = leg.icmp_note
            if leg.icmp_from:
                self.icmp_from = leg.icmp_from
        if len(legs) > 1:
            self.translated.update([leg.server.address for leg in legs[1:]])

    @property
    def outcomes(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for holds, opened in self._opened.items():
            found.update(dict.fromkeys(("connections", *holds), len(opened)))
        return found

    @property
    def failing(self) -> Period:
        return self._period(FAILED)

    @property
    def answering(self) -> Period:
        return self._period(ANSWERED)

    def _period(self, wanted: frozenset[str]) -> Period:
        """From the first to the last of those that were opened and became one of these."""
        opened = [times for holds, times in self._opened.items() if holds & wanted]
        return Period(min(map(min, opened)), max(map(max, opened))) if opened else Period()

    def packets_in(self, buckets: range) -> Codes:
        totals: Codes = defaultdict(int)
        for bucket, packets in self._packets.items():
            if bucket in buckets:
                _add_codes(totals, packets)
        return totals


def _add_codes(totals: Codes, packets: Codes) -> None:
    for code, count in packets.items():
        totals[code] += count


def _row(ends: Ends, totals: _PathTotals, packets: Sequence[Codes]) -> PathRow:
    """`packets` are those of the whole window, of what is complete in it, and of what is latest."""
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
        to_server=_direction(packets, 0),
        to_client=_direction(packets, TO_CLIENT),
        failing=totals.failing,
        answering=totals.answering,
        icmp=totals.icmp,
        icmp_from=totals.icmp_from,
        tried=frozenset(address(one) for one in totals.translated - {asked, endpoint}),
        **totals.outcomes,
    )


def _direction(packets: Sequence[Codes], direction: int) -> PathDirection:
    whole, complete, before, last, since = packets
    return PathDirection(
        entered=_segments(whole, direction),
        left=_segments(whole, direction | LEFT),
        retransmitted=_retransmissions(whole, direction),
        complete_entered=_segments(complete, direction),
        complete_left=_segments(complete, direction | LEFT),
        latest_left=(_packets(before, direction | LEFT), _packets(last, direction | LEFT)),
        latest_entered=sum(_packets(codes, direction) for codes in (before, last, since)),
    )


def _packets(counts: Codes, place: int) -> int:
    return sum([counts.get(place | kind, 0) for kind in PACKETS])


def _retransmissions(counts: Codes, direction: int) -> Retransmissions:
    return Retransmissions(*[counts.get(AGAIN | direction | kind, 0) for kind in hops.AGAIN])


def _segments(counts: Codes, place: int) -> Segments:
    return Segments(*[counts.get(place | kind, 0) for kind in hops.KINDS])
