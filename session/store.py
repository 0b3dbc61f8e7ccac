"""What the screens read: the stream folded into the present state. Knows no textual.

Fed by `apply`, whichever the source: a live session, a recording, a test. Screens only read it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from collectors import events as ev
from collectors.capture.flows import FlowTable
from collectors.cluster.inventory.address_book import AddressBook
from collectors.events import Event, Row
from collectors.findings import Finding
from collectors.frozen import frozen
from collectors.kernel.deltas import between
from collectors.list_coverage import LISTS, ListCoverage
from collectors.sockets.peer_groups import grouped
from collectors.sockets.rates import identity, rates
from session.finding_history import FindingHistory
from session.row_index import RowIndex
from session.series import figures, peer_figures, socket_figures
from session.target_data import FLOWS_KEPT, GapLine, PacketLine, TargetData

PACKETS_KEPT = 60_000
PACKETS_TRIMMED = 20_000
LOG_KEPT = 1_000
SCREENS = "the screens"  # the consumer of the stream that feeds the store
LATEST: dict[type[Event], str] = {  # that a target keeps as they are, and where
    ev.NetworkState: "network",
    ev.RuleTables: "rules",
    ev.ConntrackTable: "conntrack",
}
PEERS_KEPT = 40  # the largest, whose figures are kept over time


@frozen
class LogLine:
    """`detail` is, of a write, the manifest that was sent; of a command, what it printed."""

    at: float
    target: str
    kind: str
    text: str
    bad: bool = False
    detail: str = ""
    finding: Finding | None = None


class Store:
    """The present state. `drops` counts, by consumer of the stream, the events it was too slow
    for."""

    def __init__(self) -> None:
        self.start: ev.SessionStart | None = None
        self.access: ev.AccessReview | None = None
        self.left: tuple[ev.LeftRow, ...] = ()
        self.inventory: dict[str, RowIndex] = {}
        self.refused: dict[str, str] = {}
        self._listed_namespace: dict[str, str] = {}  # by kind the only one listed, '' for all
        self.book = AddressBook()
        self.targets: dict[str, TargetData] = {}
        self.findings = FindingHistory()
        self.drops: dict[str, int] = {}
        self.log: deque[LogLine] = deque(maxlen=LOG_KEPT)
        self.log_count = 0
        self.revision = 0
        self.inventory_revision = 0
        self.latest = 0.0
        self._fold: dict[type[Event], Callable[[Any], None]] = {
            ev.PacketBatch: self._packets,
            ev.CounterSample: self._sample,
            ev.SocketSnapshot: self._sockets,
            **dict.fromkeys(LATEST, self._keep_latest),
            ev.InventoryList: self._inventory_list,
            ev.InventoryChange: self._inventory_change,
            ev.TargetState: self._state,
            ev.CaptureState: self._capture,
            ev.Command: self._command,
            ev.CommandRun: self._command_run,
            ev.AccessReview: self._access,
            ev.LeftBehind: self._left_behind,
            ev.FindingEvent: self._finding,
            ev.GuideStep: self._guide_step,
            ev.GuideConclusion: self._guide_conclusion,
            ev.Notice: self._notice,
            ev.ConsumerDrop: self._drop,
            ev.Mark: self._mark,
            ev.SessionStart: self._start,
        }

    def target(self, key: str) -> TargetData:
        return self.targets.setdefault(key, TargetData(key))

    def forget(self, key: str) -> None:
        """A target that was closed: its figures go, its events stay."""
        self.targets.pop(key, None)

    def listing(self, kind: str) -> RowIndex:
        """What is known of a kind; a kind that was not listed yet is not in `inventory`."""
        return self.inventory.get(kind) or RowIndex()

    def coverage(self, kind: str) -> ListCoverage:
        """How much of a kind is known."""
        if reason := self.refused.get(kind):
            return ListCoverage(kind, "refused", reason)
        if kind not in self.inventory:
            lists = self.targets.get(LISTS)
            fails = lists is not None and (lists.phase == "gap" or kind in lists.message)
            return ListCoverage(kind, "pending", lists.message if lists and fails else "")
        namespace = self._listed_namespace.get(kind, "")
        return ListCoverage(kind, "namespace" if namespace else "complete", namespace)

    def rows(self, kind: str) -> list[Row]:
        return self.listing(kind).rows()

    def apply(self, event: Event) -> None:
        self.revision += 1
        self.latest = max(self.latest, event.at)
        if (fold := self._fold.get(type(event))) is not None:
            fold(event)

    def apply_all(self, events: Iterable[Event]) -> None:
        """Without a stream between: for lists that are there already."""
        for event in events:
            self.apply(event)

    # --- the session

    def _log(self, event: Event, kind: str, text: str, bad: bool = False, detail: str = "") -> None:
        self._log_line(LogLine(event.at, event.target, kind, text, bad=bad, detail=detail))

    def _log_line(self, line: LogLine) -> None:
        self.log.append(line)
        self.log_count += 1

    def _start(self, event: ev.SessionStart) -> None:
        self.start = event

    def _mark(self, event: ev.Mark) -> None:
        self._log(event, "mark", f"{event.author}: {event.text}")

    def _notice(self, event: ev.Notice) -> None:
        self._log(event, "notice", event.text, bad=event.level == "error")

    def _drop(self, event: ev.ConsumerDrop) -> None:
        self.drops[event.consumer] = self.drops.get(event.consumer, 0) + event.events
        packets = f", {event.packets:,} packets in them" if event.packets else ""
        text = f"{event.consumer} lost {event.events:,} events{packets}: {event.cause}"
        self._log(event, "drop", text, bad=True)

    def _command(self, event: ev.Command) -> None:
        # what is done to a pod has the pod's name as its target: it is not repeated
        what = event.what.split("/", 2)[-1] if event.what.count("/") == 2 else event.what
        text = f"{event.verb} {what}: {event.result} (as {event.user})"
        self._log(event, "command", text, detail=event.manifest)

    def _command_run(self, event: ev.CommandRun) -> None:
        code = "no exit code" if event.exit_code is None else f"exit code {event.exit_code}"
        result = event.error or code
        words = " ".join(event.argv).split()
        text = f"{event.asked_by}: {' '.join(words[:12])}: {result}, {event.seconds:.1f} s"
        self._log(event, "run", text, detail=f"{' '.join(event.argv)}\n\n{event.output}")

    def _guide_step(self, event: ev.GuideStep) -> None:
        text = f"{event.symptom} {event.goal}".strip()
        self._log(event, "guide", f"{text}: {event.step}: {event.verdict}: {event.text}")

    def _guide_conclusion(self, event: ev.GuideConclusion) -> None:
        text = f"{event.symptom} {event.goal}".strip()
        found = "found" if event.found else "not found"
        self._log(event, "guide", f"{text}: {found}: {event.text}", bad=event.found)

    def _finding(self, event: ev.FindingEvent) -> None:
        text, finding = self.findings.apply(event), event.finding
        if not text:
            return
        bad = event.change != "gone" and finding.severity == "critical"
        self._log_line(
            LogLine(event.at, event.target, finding.severity, text, bad, finding=finding)
        )

    # --- the cluster

    def _access(self, event: ev.AccessReview) -> None:
        self.access = event
        self.inventory_revision += 1

    def _left_behind(self, event: ev.LeftBehind) -> None:
        self.left = event.rows
        self.inventory_revision += 1

    def _inventory_list(self, event: ev.InventoryList) -> None:
        self.inventory_revision += 1
        self.book.apply(event)
        self.refused.pop(event.kind, None)
        if event.refused:
            self.refused[event.kind] = event.refused
            if not event.rows:
                return
        self.inventory[event.kind] = RowIndex(event.rows)
        self._listed_namespace[event.kind] = event.namespace

    def _inventory_change(self, event: ev.InventoryChange) -> None:
        self.inventory_revision += 1
        self.book.apply(event)
        known = self.inventory.setdefault(event.row.kind, RowIndex())
        if event.verb == "DELETED":
            known.remove(event.row)
        else:
            known.put(event.row)

    # --- targets

    def _state(self, event: ev.TargetState) -> None:
        data = self.target(event.target)
        goes_on = data.phase == event.phase == "gap"  # one line for all attempts of one fault
        if (data.phase, data.message) != (event.phase, event.message) and not goes_on:
            bad = event.phase in ("gap", "gone", "failed")
            self._log(event, event.phase, event.message or event.phase, bad)
        data.phase, data.message = event.phase, event.message
        if event.phase == "gap" and not goes_on:
            data.begin_gap(event.at)

    def _keep_latest(self, event: ev.NetworkState | ev.RuleTables | ev.ConntrackTable) -> None:
        setattr(self.target(event.target), LATEST[type(event)], event)

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

    # --- captures

    def _packets(self, event: ev.PacketBatch) -> None:
        data = self.target(event.target)
        data.packets_seen += len(event.packets)
        capture, linktype = event.capture, event.linktype
        flows = data.flows.add(linktype, event.packets)
        data.packets.extend(
            [
                PacketLine(capture, linktype, packet, *of_flow)
                for packet, of_flow in zip(event.packets, flows, strict=True)
            ]
        )
        if len(data.packets) > PACKETS_KEPT:  # a new list: a paused screen keeps the old one
            data.packets = data.packets[PACKETS_TRIMMED:]

    def _capture(self, event: ev.CaptureState) -> None:
        data = self.target(event.target)
        is_other = data.capture is not None and data.capture.capture != event.capture
        if event.phase == "failed":
            data.capture_error = event.message
            self._log(event, "capture", f"capture failed: {event.message}", bad=True)
            if is_other:
                return  # a filter that was refused leaves the running capture as it is
        elif event.phase == "gap":
            self._capture_gap(data, event)
        elif data.capture is None or data.capture.phase != event.phase:
            shown = event.filter or "everything"
            self._log(event, "capture", f"capture {event.phase}: {shown}")
            data.capture_error = ""
        if is_other:  # another filter: the list shows what passes it
            data.packets, data.packets_seen = [], 0
            data.flows = FlowTable(FLOWS_KEPT)
        data.capture = event

    def _capture_gap(self, data: TargetData, event: ev.CaptureState) -> None:
        if data.capture is None or data.capture.phase != "gap":
            data.packets.append(GapLine(event.at, event.message))
            self._log(event, "gap", event.message, bad=True)
