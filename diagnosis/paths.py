"""Connections as a capture saw them on their path through a machine: what came in, what went out,
by direction and kind of packet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import reduce
from operator import add, attrgetter
from typing import Any

from collectors.frozen import frozen

End = tuple[str, int]  # address, port
SEGMENTS = ("syn", "syn_ack", "ack", "small", "large", "fin", "rst", "bytes")
_by_kind: Callable[[Segments], tuple[int, ...]] = attrgetter(*SEGMENTS)


@frozen
class Segments:
    """Packets by kind. `small` and `large` carry data, less or more than 1,000 bytes (of UDP: all
    datagrams); `bytes` are those of TCP's data: offloads join and split segments, never bytes."""

    # in the order of collectors.capture.hop_counts.KINDS
    syn: int = 0
    syn_ack: int = 0
    ack: int = 0
    small: int = 0
    large: int = 0
    fin: int = 0
    rst: int = 0
    bytes: int = 0

    def __add__(self, other: Segments) -> Segments:
        return Segments(
            syn=self.syn + other.syn,
            syn_ack=self.syn_ack + other.syn_ack,
            ack=self.ack + other.ack,
            small=self.small + other.small,
            large=self.large + other.large,
            fin=self.fin + other.fin,
            rst=self.rst + other.rst,
            bytes=self.bytes + other.bytes,
        )

    def filled(self, more: Segments, whole: Segments) -> Segments:
        """With as many of `more` as these lack of the whole."""
        kinds = zip(_by_kind(self), _by_kind(more), _by_kind(whole), strict=True)
        return Segments(*(seen + max(0, min(added, of - seen)) for seen, added, of in kinds))

    @property
    def data(self) -> int:
        return self.small + self.large

    @property
    def total(self) -> int:
        return self.syn + self.syn_ack + self.ack + self.data + self.fin + self.rst


@frozen
class Retransmissions:
    """Retransmissions by kind: of SYNs or SYN-ACKs, after a timeout, fast (after duplicate ACKs),
    spurious (of what was acknowledged already: the acknowledgment was lost or late). `gaps` are
    segments that came without the one before them, which was lost before the capture.
    What is after a timeout or fast is data; FINs without any are `fin`."""

    syn: int = 0
    timeout: int = 0
    fast: int = 0
    spurious: int = 0
    gaps: int = 0
    fin: int = 0

    def __add__(self, other: Retransmissions) -> Retransmissions:
        return Retransmissions(
            syn=self.syn + other.syn,
            timeout=self.timeout + other.timeout,
            fast=self.fast + other.fast,
            spurious=self.spurious + other.spurious,
            gaps=self.gaps + other.gaps,
            fin=self.fin + other.fin,
        )

    @property
    def data(self) -> int:
        """Without those that nothing was lost for."""
        return self.timeout + self.fast

    @property
    def total(self) -> int:
        return self.syn + self.timeout + self.fast + self.spurious + self.fin


def _sums(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return one[0] + other[0], one[1] + other[1]


@frozen
class PathDirection:
    """One direction through a machine: what came in by an interface, what went out by one (the
    most that any interface saw), what its sender retransmitted. `complete_…` are the same two of
    the seconds that can be compared with another machine's. `latest_…` are packets: of the last two
    spans of 5 s that can be compared what left, and what entered in them and since."""

    entered: Segments = Segments()
    left: Segments = Segments()
    retransmitted: Retransmissions = Retransmissions()
    complete_entered: Segments = Segments()
    complete_left: Segments = Segments()
    latest_left: tuple[int, int] = (0, 0)
    latest_entered: int = 0

    def __add__(self, other: PathDirection) -> PathDirection:
        return PathDirection(
            entered=self.entered + other.entered,
            left=self.left + other.left,
            retransmitted=self.retransmitted + other.retransmitted,
            complete_entered=self.complete_entered + other.complete_entered,
            complete_left=self.complete_left + other.complete_left,
            latest_left=_sums(self.latest_left, other.latest_left),
            latest_entered=self.latest_entered + other.latest_entered,
        )

    @property
    def resets_made(self) -> int:
        """RSTs that left and never came in: of the machine's own."""
        return self.left.rst - self.entered.rst


@frozen
class Period:
    """From when to when connections of a kind were opened, in ns of the capture's clock; 0 and 0
    where there was none."""

    first_ns: int = 0
    last_ns: int = 0

    def __add__(self, other: Period) -> Period:
        if not (self.last_ns and other.last_ns):
            return self if self.last_ns else other
        return Period(min(self.first_ns, other.first_ns), max(self.last_ns, other.last_ns))

    def overlap_ns(self, other: Period) -> int:
        return min(self.last_ns, other.last_ns) - max(self.first_ns, other.first_ns)


@frozen
class PathRow:
    """Connections of the last 15 s or so from a client to the address that it asked, and to the
    endpoint that they were translated to, as one vantage point saw them; the legs before and after
    a translation are joined. All but names are counts of connections.

    `endpoint` is '' where no packet left towards one, so that it is not known. `sent_as` is the
    client's address as it leaves for the endpoint (another one where it was masqueraded).
    """

    protocol: str
    client: str
    asked: str
    asked_port: int
    endpoint: str
    endpoint_port: int
    sent_as: str
    connections: int = 0
    completed: int = 0  # handshakes; of UDP: conversations that were answered
    unanswered: int = 0  # the SYN (of UDP: the first datagrams) was not answered in time
    stuck: int = 0  # of the unanswered: sent twice or more, and none of it went out
    retried: int = 0  # the first SYN was not answered
    incomplete: int = 0  # the SYN was answered, and the handshake never completed
    requests: int = 0  # connections in which the client sent data
    answered: int = 0  # of those: data came back
    silent: int = 0  # of those: none came for 1.5 s and more, or until the client gave up
    abandoned: int = 0  # of the silent: the client ended them, the server did not
    closed: int = 0  # of those: the server sent a FIN first, and never anything else
    hung_up: int = 0  # by the server, at once, by a FIN or RST, before anybody sent anything
    ungreeted: int = 0  # of a protocol in which the server begins: it did not, and the client left
    refused: int = 0  # by a RST in answer to the SYN
    rejected: int = 0  # by an ICMP error in answer to the SYN
    icmp: str = ""  # what it said
    icmp_from: str = ""  # who sent it
    reset_by_client: int = 0  # after the handshake, before a complete answer
    reset_by_server: int = 0
    failing: Period = Period()  # connections of which something failed, a first SYN as well
    answering: Period = Period()  # those in which data came back
    one_sided: bool = False  # an end is this machine, or nothing is seen to leave: no comparison
    to_server: PathDirection = PathDirection()
    to_client: PathDirection = PathDirection()
    tried: frozenset[str] = frozenset()  # what its SYNs were translated to before `endpoint`

    @property
    def asked_end(self) -> End:
        return self.asked, self.asked_port

    @property
    def endpoint_end(self) -> End:
        return self.endpoint, self.endpoint_port

    @property
    def shut(self) -> int:
        """By the server, without an answer."""
        return self.closed + self.hung_up

    @property
    def failed(self) -> int:
        return self.unanswered + self.incomplete + self.silent + self.refused + self.rejected


def added(rows: Iterable[PathRow]) -> PathRow:
    """Counts of several rows as one of no particular ends; a single one is that row itself, as most
    are."""
    of = list(rows)
    return of[0] if len(of) == 1 else _added(of)


def _added(rows: Sequence[PathRow]) -> PathRow:
    total = PathRow(
        protocol="", client="", asked="", asked_port=0, endpoint="", endpoint_port=0, sent_as=""
    )
    if not rows:
        return total
    sums: dict[str, Any] = {name: reduce(add, map(attrgetter(name), rows)) for name in COUNTS}
    for name in ("icmp", "icmp_from"):
        sums[name] = next(filter(None, map(attrgetter(name), reversed(rows))), "")
    tried = frozenset[str]().union(*(row.tried for row in rows))
    return replace(total, tried=tried, **sums)


COUNTS = (
    "connections",
    "completed",
    "unanswered",
    "stuck",
    "retried",
    "incomplete",
    "requests",
    "answered",
    "silent",
    "abandoned",
    "closed",
    "hung_up",
    "ungreeted",
    "refused",
    "rejected",
    "reset_by_client",
    "reset_by_server",
    "failing",
    "answering",
    "to_server",
    "to_client",
)
