"""What the screens read: the stream folded into the present state. Knows no textual.

Fed by `apply`, whichever the source: a live session, a recording, a test. Screens only read it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from collectors import events as ev
from collectors.capture.flows import FlowTable
from collectors.cluster.inventory.address_book import AddressBook
from collectors.events import Event, Packet, Row
from collectors.frozen import frozen
from collectors.kernel.counters import describe
from collectors.kernel.deltas import SampleDelta, between
from collectors.sockets.peer_groups import grouped
from collectors.sockets.rates import SocketKey, SocketRate, identity, rates
from collectors.sockets.rows import SocketRow
from session.history import History, Point
from session.row_index import RowIndex
from session.series import figures, peer_figures, socket_figures

RECENT = 900  # points that a series' maximum is of: 15 minutes at one a second
PACKETS_KEPT = 60_000
PACKETS_TRIMMED = 20_000
LOG_KEPT = 1_000
QUIET = (
    "/total",
    "/idle",
    "/processed",
)  # of each CPU: they always move, and say nothing by themselves
FLOWS_KEPT = 5_000  # a list that is sorted twice a second


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
    capture: int
    linktype: int
    packet: Packet
    marks: int = 0  # what the flow table calls it
    flow: int = 0  # number of its flow; 0 for none


@frozen
class GapLine:
    """A place in the list of packets where some are missing: the capture's stream broke off here."""

    at: float
    text: str


@frozen
class LogLine:
    at: float
    target: str
    kind: str
    text: str
    bad: bool = False
    detail: str = ""  # of a write: the manifest that was sent


SERIES = (
    "conntrack",
    "retransmits",
    "retransmit_share",
    "opened",
    "failed",
    "drops",
    "node_drops",
)
PEERS_KEPT = 40  # the largest, whose figures are kept over time


@dataclass(slots=True)
class TargetData:
    """Everything known of one target."""

    key: str
    phase: str = "attaching"
    message: str = ""
    sample: ev.CounterSample | None = None
    step: SampleDelta | None = None
    samples: deque[ev.CounterSample] = field(
        default_factory=lambda: deque(maxlen=20)
    )  # without a gap between them
    history: History = field(default_factory=History)  # counters and what is made of them
    peer_history: History = field(
        default_factory=History
    )  # peers, and the sockets that somebody looks at
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
        """One of SERIES."""
        return Series(f"={name}", self.history)

    def conntrack_max(self) -> int | None:
        return self.sample.values.get("conntrack_max") if self.sample else None

    def seconds_to_full(self) -> float | None:
        """Until the conntrack table is full if it goes on to grow as in the last minute; None where it does not."""
        limit, points = (
            self.conntrack_max(),
            self.series("conntrack").points(self.sample_at - 60, self.sample_at),
        )
        known = [(at, value) for at, value in points if value is not None]
        if not limit or len(known) < 10 or known[-1][1] <= known[0][1]:
            return None
        rate = (known[-1][1] - known[0][1]) / (known[-1][0] - known[0][0])
        return max(0.0, limit - known[-1][1]) / rate

    @property
    def sample_at(self) -> float:
        return self.sample.at if self.sample else 0.0

    def counters(self) -> list[CounterLine]:
        """Counters that have moved, those that spell trouble first, then the busiest."""
        if self.sample is None:
            return []
        lines = []
        for name, moved in self.moved.items():
            if name.startswith(("cpu/", "softnet/")) and name.endswith(QUIET):
                continue
            rate = self.step.rate(name) if self.step else None
            lines.append(CounterLine(name, rate, moved, self.sample.values.get(name, 0)))
        return sorted(lines, key=_importance)


def _importance(line: CounterLine) -> tuple[bool, bool, float, str]:
    bad, active = describe(line.name).trouble, bool(line.rate)
    return (not (bad and active), not bad, -(line.rate or 0.0), line.name)


class Store:
    """The present state. `lost` counts events that this consumer was too slow for."""

    def __init__(self) -> None:
        self.start: ev.SessionStart | None = None
        self.access: ev.AccessReview | None = None
        self.left: tuple[ev.LeftRow, ...] = ()
        self.inventory: dict[str, RowIndex] = {}
        self.refused: dict[str, str] = {}
        self.book = AddressBook()
        self.targets: dict[str, TargetData] = {}
        self.log: deque[LogLine] = deque(maxlen=LOG_KEPT)
        self.log_count = 0
        self.revision = 0
        self.inventory_revision = 0
        self.lost = 0
        self.latest = 0.0

    def target(self, key: str) -> TargetData:
        return self.targets.setdefault(key, TargetData(key))

    def forget(self, key: str) -> None:
        """A target that was closed: its figures go, its events stay."""
        self.targets.pop(key, None)

    def listing(self, kind: str) -> RowIndex:
        """What is known of a kind; a kind that was not listed yet is not in `inventory`."""
        return self.inventory.get(kind) or RowIndex()

    def rows(self, kind: str) -> list[Row]:
        return self.listing(kind).rows()

    def apply(self, event: Event) -> None:
        self.revision += 1
        self.latest = max(self.latest, event.at)
        if isinstance(event, ev.PacketBatch):
            self._packets(event)
        elif isinstance(event, ev.CounterSample):
            self._sample(event)
        elif isinstance(event, ev.SocketSnapshot):
            self._sockets(event)
        elif isinstance(event, ev.NetworkState):
            self.target(event.target).network = event
        elif isinstance(event, ev.RuleTables):
            self.target(event.target).rules = event
        elif isinstance(event, ev.ConntrackTable):
            self.target(event.target).conntrack = event
        elif isinstance(event, (ev.InventoryList, ev.InventoryChange)):
            self._inventory(event)
        elif isinstance(event, ev.TargetState):
            self._state(event)
        elif isinstance(event, ev.CaptureState):
            self._capture(event)
        elif isinstance(event, ev.Command):
            what = (
                event.what.split("/", 2)[-1] if event.what.count("/") == 2 else event.what
            )  # a pod's is in its target
            text = f"{event.verb} {what}: {event.result} (as {event.user})"
            self._write(event, "command", text, detail=event.manifest)
        elif isinstance(event, ev.AccessReview):
            self.access = event
            self.inventory_revision += 1
        elif isinstance(event, ev.LeftBehind):
            self.left = event.rows
            self.inventory_revision += 1
        elif isinstance(event, ev.FindingState):
            bad = event.state == "appeared" and event.severity == "critical"
            self._write(event, event.severity, f"{event.state}: {event.where}: {event.title}", bad)
        elif isinstance(event, ev.Mark):
            self._write(event, "mark", f"{event.author}: {event.text}")
        elif isinstance(event, ev.SessionStart):
            self.start = event

    def _write(
        self, event: Event, kind: str, text: str, bad: bool = False, detail: str = ""
    ) -> None:
        self.log.append(LogLine(event.at, event.target, kind, text, bad, detail))
        self.log_count += 1

    def _inventory(self, event: ev.InventoryList | ev.InventoryChange) -> None:
        self.inventory_revision += 1
        self.book.apply(event)
        if isinstance(event, ev.InventoryList):
            if event.refused:
                self.refused[event.kind] = event.refused
                return
            self.refused.pop(event.kind, None)
            self.inventory[event.kind] = RowIndex(event.rows)
            return
        known = self.inventory.setdefault(event.row.kind, RowIndex())
        if event.verb == "DELETED":
            known.remove(event.row)
        else:
            known.put(event.row)

    def _state(self, event: ev.TargetState) -> None:
        data = self.target(event.target)
        goes_on = (
            data.phase == event.phase == "gap"
        )  # another attempt of the same fault: one line is enough
        if (data.phase, data.message) != (event.phase, event.message) and not goes_on:
            bad = event.phase in ("gap", "gone", "failed")
            self._write(event, event.phase, event.message or event.phase, bad)
        data.phase, data.message = event.phase, event.message
        if event.phase == "gap" and not goes_on:
            data.history.add(event.at, {}, gap=True)
            data.peer_history.add(event.at, {}, gap=True)
            data.sample, data.socket_rates, data.rates_from = None, {}, None
            data.samples.clear()

    def _sample(self, event: ev.CounterSample) -> None:
        data = self.target(event.target)
        data.step = between(data.sample, event)
        data.sample = event
        if data.step.gap:
            data.samples.clear()
        data.samples.append(event)
        for name, delta in data.step.deltas.items():
            if delta:
                data.moved[name] = data.moved.get(name, 0) + delta
        data.history.add(event.at, figures(data.step, event), data.step.gap)

    def _sockets(self, event: ev.SocketSnapshot) -> None:
        data = self.target(event.target)
        if data.rates_from is not None:
            data.socket_rates = rates(data.rates_from, event)
        data.rates_from = event
        data.sockets, data.sockets_at = event.rows, event.at
        data.sockets_source, data.sockets_note = event.source, event.note
        values = peer_figures(grouped(event.rows, self.book)[:PEERS_KEPT])
        for row in event.rows if data.watched_sockets else ():
            if identity(row) in data.watched_sockets:
                values.update(socket_figures(row))
        data.peer_history.add(event.at, values)

    def _packets(self, event: ev.PacketBatch) -> None:
        data = self.target(event.target)
        data.packets_seen += len(event.packets)
        capture, linktype = event.capture, event.linktype
        told = data.flows.add(linktype, event.packets)
        data.packets.extend(
            [
                PacketLine(capture, linktype, p, *of)
                for p, of in zip(event.packets, told, strict=True)
            ]
        )
        if len(data.packets) > PACKETS_KEPT:  # a new list: a paused screen keeps the old one
            data.packets = data.packets[PACKETS_TRIMMED:]

    def _capture(self, event: ev.CaptureState) -> None:
        data = self.target(event.target)
        if event.phase == "failed":
            data.capture_error = event.message
            self._write(event, "capture", f"capture failed: {event.message}", bad=True)
            if data.capture is not None and data.capture.capture != event.capture:
                return  # a filter that was refused leaves the old capture as it is
        elif event.phase == "gap":
            if data.capture is None or data.capture.phase != "gap":
                data.packets.append(GapLine(event.at, event.message))
                self._write(event, "gap", event.message, bad=True)
        elif data.capture is None or data.capture.phase != event.phase:
            shown = event.filter or "everything"
            self._write(event, "capture", f"capture {event.phase}: {shown}")
            data.capture_error = ""
        if data.capture is not None and data.capture.capture != event.capture:
            data.packets, data.packets_seen = [], 0  # another filter: the list shows what passes it
            data.flows = FlowTable(FLOWS_KEPT)
        data.capture = event
