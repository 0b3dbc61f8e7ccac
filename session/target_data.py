"""Everything known of one target, folded from its events."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from collectors import events as ev
from collectors.capture.flows import FlowTable
from collectors.events import Packet
from collectors.frozen import frozen
from collectors.kernel.counters import describe
from collectors.kernel.deltas import SampleDelta
from collectors.sockets.rates import SocketKey, SocketRate
from collectors.sockets.rows import SocketRow
from session.history import History, Point

RECENT = 900  # points that a series' maximum is of: 15 minutes at one a second
FLOWS_KEPT = 5_000  # a list that is sorted twice a second
TREND_S = 60.0  # of which growth is judged
TREND_POINTS = 10
# of each CPU: they always move, and say nothing by themselves
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


@frozen
class PacketLine:
    """A packet of a capture; `flags` are the analysis flags of its flow's table, `flow` the number
    of its flow, 0 for none."""

    capture: int
    linktype: int
    packet: Packet
    flags: int = 0
    flow: int = 0


@frozen
class GapLine:
    """A place in the list of packets where some are missing: the capture's stream broke off
    here."""

    at: float
    text: str


@dataclass(slots=True)
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
    sockets: tuple[SocketRow, ...] = ()
    sockets_at: float = 0.0
    sockets_source: str = ""
    sockets_note: str = ""
    socket_rates: dict[SocketKey, SocketRate] = field(default_factory=dict)
    packets: list[PacketLine | GapLine] = field(default_factory=list)
    packets_seen: int = 0
    capture: ev.CaptureState | None = None
    capture_error: str = ""
    rates_from: ev.SocketSnapshot | None = None  # the snapshot before, for rates
    conntrack: ev.ConntrackTable | None = None
    rules: ev.RuleTables | None = None
    flows: FlowTable = field(default_factory=lambda: FlowTable(FLOWS_KEPT))

    def series(self, name: str) -> Series:
        """One of derived_figures, by its name."""
        return Series(f"={name}", self.history)

    def conntrack_max(self) -> int | None:
        return self.sample.values.get("conntrack_max") if self.sample else None

    def seconds_to_full(self) -> float | None:
        """Until the conntrack table is full if it goes on to grow as in the last minute; None
        where it does not grow, or nobody knows."""
        limit = self.conntrack_max()
        points = self.series("conntrack").points(self.sample_at - TREND_S, self.sample_at)
        known = [(at, value) for at, value in points if value is not None]
        if not limit or len(known) < TREND_POINTS or known[-1][1] <= known[0][1]:
            return None
        rate = (known[-1][1] - known[0][1]) / (known[-1][0] - known[0][0])
        return max(0.0, limit - known[-1][1]) / rate

    def begin_gap(self, at: float) -> None:
        """Nothing is known from here on until the next sample."""
        self.history.add(at, {}, gap=True)
        self.peer_history.add(at, {}, gap=True)
        self.sample, self.socket_rates, self.rates_from = None, {}, None
        self.samples.clear()

    @property
    def sample_at(self) -> float:
        return self.sample.at if self.sample else 0.0

    def counters(self) -> list[CounterLine]:
        """Counters that have moved: those that mean trouble first, after them the busiest."""
        if self.sample is None:
            return []
        lines = [
            CounterLine(
                name,
                self.step.rate(name) if self.step else None,
                moved,
                self.sample.values.get(name, 0),
            )
            for name, moved in self.moved.items()
            if not _is_quiet(name)
        ]
        return sorted(lines, key=_importance)


def _is_quiet(name: str) -> bool:
    return name.startswith(("cpu/", "softnet/")) and name.endswith(QUIET)


def _importance(line: CounterLine) -> tuple[bool, bool, float, str]:
    bad, active = describe(line.name).trouble, bool(line.rate)
    return (not (bad and active), not bad, -(line.rate or 0.0), line.name)
