"""From the flows of a capture to the rows of `diagnosis.paths`: legs joined, counts added up."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from collectors.capture import hop_counts as hops
from collectors.capture.flow_expiry import Flow
from collectors.capture.hop_counts import LEFT, TO_CLIENT
from collectors.capture.joined_legs import joined_in_pieces
from diagnosis.paths import PathDirection, PathRow, Period, Retransmissions, Segments
from session.connection_outcomes import FAILED
from session.connection_sides import transit_interfaces
from session.conversations import address
from session.known_connections import AGAIN, Codes, Connection, Ends, KnownConnections
from session.path_window import PathWindow

AT_ONCE = 100  # connections: within 1 ms or so
NEVER = Period()
PARTS = ("whole", "complete", "before the last", "last", "since")  # of a window


def rows(
    flows: Sequence[Flow], of: PathWindow, known: KnownConnections
) -> Iterator[PathRow | None]:
    """A row for each pair of ends that sent something in the window, in pieces: None where somebody
    else may have a turn. `known` is what was found of the same capture before."""
    known.turn()
    connections: list[Connection] = []
    for legs in joined_in_pieces(flows):
        if legs is None:
            yield None
        else:
            connections.append(known.connection(legs))
    transit = transit_interfaces(one.votes for one in connections)
    latest = max((one.last_ns for one in connections), default=0)
    found = _Paths(of)
    recent = [one for one in connections if one.last_ns >= of.since]
    for number, connection in enumerate(recent):
        if number % AT_ONCE == AT_ONCE - 1:
            yield None
        connection.look(transit, of.now, latest)
        found.add(connection)
    yield from found.rows()


class _Paths:
    """Connections in groups of those that have the same ends."""

    def __init__(self, of: PathWindow) -> None:
        self._parts = _Parts(of)
        self._groups: dict[Ends, _PathTotals] = defaultdict(_PathTotals)

    def add(self, connection: Connection) -> None:
        if connection.ends is not None:
            self._groups[connection.ends].add(connection, self._parts)

    def rows(self) -> Iterator[PathRow]:
        for ends, totals in self._groups.items():
            yield _row(ends, totals)


class _Parts(dict[int, tuple[int, ...]]):
    """Which parts of a window a bucket is in: those of PARTS, by their places in it."""

    def __init__(self, of: PathWindow) -> None:
        super().__init__()
        self._ranges = (of.buckets, of.complete, *of.latest)

    def __missing__(self, bucket: int) -> tuple[int, ...]:
        found = self[bucket] = tuple(n for n, part in enumerate(self._ranges) if bucket in part)
        return found


class _PathTotals:
    """Connections between the same ends, added up."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.failing = self.answering = NEVER
        self.packets: list[Codes] = [defaultdict(int) for _ in PARTS]
        self.icmp = self.icmp_from = ""
        self.translated: set[bytes] = set()

    def add(self, connection: Connection, parts: _Parts) -> None:
        self.outcomes["connections"] += 1
        for name in connection.holds:
            self.outcomes[name] += 1
        self._add_times(connection.legs[0].first_ns, connection.holds)
        for bucket, packets in connection.packets.items():
            for part in parts[bucket]:
                self._add_packets(part, packets)
        for leg in connection.legs:
            self.icmp = leg.icmp_note or self.icmp
            self.icmp_from = leg.icmp_from or self.icmp_from
        self.translated.update([leg.server.address for leg in connection.legs[1:]])

    def _add_times(self, opened: int, holds: frozenset[str]) -> None:
        if holds & FAILED:
            self.failing += Period(opened, opened)
        if "answered" in holds:
            self.answering += Period(opened, opened)

    def _add_packets(self, part: int, packets: Codes) -> None:
        totals = self.packets[part]
        for code, count in packets.items():
            totals[code] += count


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
    whole, complete, before, last, since = totals.packets
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
    return sum(counts.get(place | kind, 0) for kind in hops.KINDS if kind != hops.BYTES)


def _retransmissions(counts: Codes, direction: int) -> Retransmissions:
    return Retransmissions(*(counts.get(AGAIN | direction | kind, 0) for kind in hops.AGAIN))


def _segments(counts: Codes, place: int) -> Segments:
    return Segments(*(counts.get(place | kind, 0) for kind in hops.KINDS))
