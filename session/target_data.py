"""Everything known of one target, folded from its events."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field

from collectors import events as ev
from collectors.capture.flows import FlowTable
from collectors.frozen import frozen, slotted
from collectors.kernel.counters import describe
from collectors.kernel.deltas import SampleDelta, between
from collectors.sockets.rates import SocketKey, SocketRate, identity, rates
from collectors.sockets.rows import SocketRow
from session.accept_queues import AcceptQueues
from session.capture_loss import CaptureLoss
from session.filter_counts import FilterCounts
from session.history import History, Point
from session.known_connections import KnownConnections
from session.packet_lines import GapLine as GapLine, PacketLine as PacketLine, PacketLines
from session.ports_used import PortsUsed
from session.series import figures
from session.wire_neighbours import WireNeighbours

UNSAID_S = 5.0  # packets of the last seconds may not be here yet
PACKETS_KEPT = 60_000
PACKETS_TRIMMED = 20_000
RECENT = 900  # points that a series' maximum is of: 15 minutes at one a second
FLOWS_KEPT = 5_000  # a list that is sorted twice a second
TREND_S = 60.0  # of which growth is judged
TREND_POINTS = 10
# of each CPU: they always move, and say nothing by themselves
KnownPoint = tuple[float, float]  # time, value
QUIET = ("/total", "/idle", "/processed")


@frozen
class Series:
    """One figure of a target over time; None marks a gap."""

    name: str
    history: History

    def points(self, since: float, until: float) -> list[Point]:
        return self.history.points(self.name, since, until)

    @property
    def current(self) -> float | None:
        return self.history.current(self.name)

    @property
    def maximum(self) -> float | None:
        """Of the last quarter of an hour."""
        return self.history.maximum(self.name, RECENT)


@frozen
class CounterLine:
    """A counter that has moved: its rate now (None: not known), total since watching, and value."""

    name: str
    rate: float | None
    moved: int
    value: int


@slotted
class TargetData:
    """`samples` have no gap between them; `history` holds counters and what is derived of them,
    `peer_history` peers, and the sockets that somebody looks at."""

    key: str
    phase: str = "attaching"
    message: str = ""
    sample: ev.CounterSample | None = None
    step: SampleDelta | None = None
    samples: deque[ev.CounterSample] = field(default_factory=lambda: deque(maxlen=20))
    history: History = field(default_factory=History)
    peer_history: History = field(default_factory=History)
    watched_sockets: set[SocketKey] = field(default_factory=set)
    network: ev.NetworkState | None = None
    moved: dict[str, int] = field(default_factory=dict)
    moved_until: float = 0.0  # what moved before is in `moved`, as a recording has it
    sockets: tuple[SocketRow, ...] = ()
    accept_queues: AcceptQueues = field(default_factory=AcceptQueues)
    ports: PortsUsed = field(default_factory=PortsUsed)
    sockets_at: float = 0.0
    sockets_source: str = ""
    sockets_note: str = ""
    socket_rates: dict[SocketKey, SocketRate] = field(default_factory=dict)
    packets: PacketLines = field(default_factory=PacketLines)
    packets_seen: int = 0
    packets_at: float = 0.0  # when the latest came, by the session's clock
    packets_from: float = 0.0  # where a replay went to a time: since when it has them
    capture: ev.CaptureState | None = None
    capture_error: str = ""
    capture_loss: CaptureLoss = field(default_factory=CaptureLoss)
    rates_from: ev.SocketSnapshot | None = None  # the snapshot before, for rates
    conntrack: ev.ConntrackTable | None = None
    rules: ev.RuleTables | None = None
    filters: FilterCounts = field(default_factory=FilterCounts)
    flows: FlowTable = field(default_factory=lambda: FlowTable(FLOWS_KEPT, hops=True))
    wire: WireNeighbours = field(default_factory=WireNeighbours)
    connections: KnownConnections = field(default_factory=KnownConnections)  # of these flows

    @property
    def has_started(self) -> bool:
        """Whether attaching to it is over, well or not."""
        return self.phase in ("live", "failed", "gone")

    def captured_until(self, latest: float) -> int:
        """ns, by the capture's own clock: of its last packet, or later where none has come for
        long; `latest` is the time of the session's last event. What was captured long ago is not
        of now."""
        silent = latest - self.packets_at - UNSAID_S
        return self.flows.latest_ns + max(0, int(silent * 1e9))

    @property
    def values(self) -> Mapping[str, int]:
        """The counters of the latest sample; none before the first, and in a gap."""
        return self.sample.values if self.sample else {}

    @property
    def links(self) -> tuple[ev.LinkRow, ...]:
        return self.network.links if self.network else ()

    def series(self, name: str) -> Series:
        """One of derived_figures, by its name."""
        return Series(f"={name}", self.history)

    def conntrack_max(self) -> int | None:
        return self.values.get("conntrack_max")

    def seconds_to_full(self) -> float | None:
        """Until the conntrack table is full if it goes on to grow as in the last minute; None
        where it does not grow, or nobody knows."""
        limit, known = self.conntrack_max(), self._known_conntrack()
        if not limit or len(known) < TREND_POINTS or known[-1][1] <= known[0][1]:
            return None
        return max(0.0, limit - known[-1][1]) / _change_per_second(known)

    def _known_conntrack(self) -> list[KnownPoint]:
        """The table's entries over the last minute, without gaps."""
        points = self.series("conntrack").points(self.sample_at - TREND_S, self.sample_at)
        return [(at, value) for at, value in points if value is not None]

    def add_sample(self, sample: ev.CounterSample) -> None:
        step = self.step = between(self.sample, sample)
        self.sample = sample
        if step.gap:
            self.samples.clear()
        self.samples.append(sample)
        if sample.at > self.moved_until:
            self._add_moved(step)
        if sample.at > self.history.known_until:
            self.history.add(sample.at, figures(step, sample), step.gap)

    def _add_moved(self, step: SampleDelta) -> None:
        for name, delta in step.deltas.items():
            if delta:
                self.moved[name] = self.moved.get(name, 0) + delta

    def add_sockets(self, event: ev.SocketSnapshot) -> None:
        if self.rates_from is not None:
            self.socket_rates = rates(self.rates_from, event)
        self.rates_from = event
        self.sockets, self.sockets_at = event.rows, event.at
        self.sockets_source, self.sockets_note = event.source, event.note
        self.accept_queues.add(event.at, event.rows)

    def watched_rows(self) -> list[SocketRow]:
        """The sockets that somebody looks at."""
        watched = self.watched_sockets
        return [row for row in self.sockets if identity(row) in watched] if watched else []

    def add_packets(self, event: ev.PacketBatch) -> None:
        self.packets_seen += len(event.packets)
        self.packets_at = event.at
        others = self.flows.totals.other
        flows = self.flows.add(event.linktype, event.packets)
        if self.flows.totals.other > others:  # few batches have any
            of_none = (one for one, (_, of) in zip(event.packets, flows, strict=True) if not of)
            self.wire.add(event.linktype, of_none)
        self.packets.add(event.capture, event.linktype, event.packets, flows)
        if len(self.packets) > PACKETS_KEPT:  # a paused screen keeps the others
            self.packets = self.packets[PACKETS_TRIMMED:]

    def forget_packets(self) -> None:
        self.packets, self.packets_seen = PacketLines(), 0
        self.flows = FlowTable(FLOWS_KEPT, hops=True)
        self.wire = WireNeighbours()

    def begin_gap(self, at: float) -> None:
        """Nothing is known from here on until the next sample."""
        self.history.add(at, {}, gap=True)
        self.peer_history.add(at, {}, gap=True)
        self.sample, self.socket_rates, self.rates_from = None, {}, None
        self.samples.clear()
        self.accept_queues.clear()
        self.filters.clear()

    @property
    def sample_at(self) -> float:
        return self.sample.at if self.sample else 0.0

    def counters(self) -> list[CounterLine]:
        """Counters that have moved: those that mean trouble first, after them the busiest."""
        if self.sample is None:
            return []
        return sorted((self._line(name, self.sample) for name in self._listed()), key=_importance)

    @property
    def counters_moved(self) -> int:
        """How many `counters` there are."""
        return sum(1 for _ in self._listed()) if self.sample is not None else 0

    def _listed(self) -> Iterator[str]:
        return (name for name in self.moved if not _is_quiet(name))

    def _line(self, name: str, sample: ev.CounterSample) -> CounterLine:
        rate = self.step.rate(name) if self.step else None
        return CounterLine(name, rate, self.moved[name], sample.values.get(name, 0))


def _change_per_second(points: Sequence[KnownPoint]) -> float:
    (began, first), (ended, last) = points[0], points[-1]
    return (last - first) / (ended - began)


def _is_quiet(name: str) -> bool:
    return name.startswith(("cpu/", "softnet/")) and name.endswith(QUIET)


def _importance(line: CounterLine) -> tuple[bool, bool, float, str]:
    bad, active = describe(line.name).trouble, bool(line.rate)
    return (not (bad and active), not bad, -(line.rate or 0.0), line.name)
