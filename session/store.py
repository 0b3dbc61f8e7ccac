"""What the screens read: the stream folded into the present state. Knows no textual.

Fed by `apply`, whichever the source: a live session, a recording, a test. Screens only read it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from collectors import events as ev
from collectors.cluster.inventory.address_book import AddressBook
from collectors.events import Event, Row
from collectors.list_coverage import LISTS, ListCoverage
from collectors.sockets.peer_groups import grouped
from session import log_line
from session.finding_history import FindingHistory
from session.log_line import LogLine
from session.own_connections import OwnConnections
from session.readiness import ReadinessHistory
from session.row_index import RowIndex
from session.series import peer_figures, socket_figures
from session.target_data import GapLine, TargetData
from session.timeline import Timeline

LOG_KEPT = 1_000
SCREENS = "the screens"  # the consumer of the stream that feeds the store
LATEST: dict[type[Event], str] = {  # that a target keeps as they are, and where
    ev.NetworkState: "network",
    ev.RuleTables: "rules",
    ev.ConntrackTable: "conntrack",
}
PEERS_KEPT = 40  # the largest, whose figures are kept over time


Folds = dict[type[Event], Callable[[Any], None]]


class Store:
    """The present state. `drops`: by consumer of the stream, how many events it lost."""

    def __init__(self) -> None:
        self.start: ev.SessionStart | None = None
        self.own = OwnConnections()  # of the latest snapshot
        self.console_ends: frozenset[tuple[str, int]] = frozenset()
        self.access: ev.AccessReview | None = None
        self.left: tuple[ev.LeftRow, ...] = ()
        self.inventory: dict[str, RowIndex] = {}
        self.refused: dict[str, str] = {}
        self._listed_namespace: dict[str, str] = {}  # by kind the only one listed, '' for all
        self.book = AddressBook()
        self.targets: dict[str, TargetData] = {}
        self.readiness = ReadinessHistory()
        self.findings = FindingHistory()
        self.timeline = Timeline()
        self.drops: dict[str, int] = {}
        self.log: deque[LogLine] = deque(maxlen=LOG_KEPT)
        self.log_count = 0
        self.revision = self.inventory_revision = 0
        self.generation = 0  # how often it became another
        self.began = self.latest = 0.0
        self._fold = self._folds()

    def become(self, other: Store) -> None:
        """Hold what another holds, which nobody feeds any more: those who read this one read on.
        Sockets that somebody looks at stay looked at."""
        for key, data in self.targets.items():
            if key in other.targets:
                other.targets[key].watched_sockets |= data.watched_sockets
        other.timeline.revision += self.timeline.revision + 1
        other.findings.revision += self.findings.revision + 1
        other.inventory_revision += self.inventory_revision + 1
        other.revision += self.revision + 1
        other.generation = self.generation + 1
        self.book.become(other.book)
        other.book = self.book
        vars(self).update(vars(other))
        self._fold = self._folds()

    def _folds(self) -> Folds:
        return self._folds_of_session() | self._folds_of_cluster() | self._folds_of_targets()

    def _folds_of_session(self) -> Folds:
        return {
            ev.SessionStart: self._start,
            ev.ConsoleEnds: self._console_ends,
            ev.Mark: self.timeline.mark,
            ev.Command: self.timeline.command,
            ev.GuideConclusion: self.timeline.guide,
            ev.CommandRun: self.timeline.run,
            ev.RecordingEnd: self.timeline.recording_end,
            ev.ConsumerDrop: self._drop,
            ev.FindingEvent: self._finding,
        }

    def _folds_of_cluster(self) -> Folds:
        return {
            ev.AccessReview: self._access,
            ev.LeftBehind: self._left_behind,
            ev.InventoryList: self._inventory_list,
            ev.InventoryChange: self._inventory_change,
        }

    def _folds_of_targets(self) -> Folds:
        return {
            ev.TargetState: self._state,
            ev.CaptureState: self._capture,
            ev.PacketBatch: self._packets,
            ev.CounterSample: self._sample,
            ev.SocketSnapshot: self._sockets,
            ev.FilterRules: self._filter_rules,
            **dict.fromkeys(LATEST, self._keep_latest),
        }

    def target(self, key: str) -> TargetData:
        if (known := self.targets.get(key)) is None:
            known = self.targets[key] = TargetData(key)
        return known

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
            return ListCoverage(kind, "pending", self._why_pending(kind))
        namespace = self._listed_namespace.get(kind, "")
        return ListCoverage(kind, "namespace" if namespace else "complete", namespace)

    def _why_pending(self, kind: str) -> str:
        """What prevents that a kind is listed; '' where nothing is known to."""
        lists = self.targets.get(LISTS)
        if lists is None or (lists.phase != "gap" and kind not in lists.message):
            return ""
        return lists.message

    def rows(self, kind: str) -> list[Row]:
        return self.listing(kind).rows()

    def pods(self) -> list[ev.PodRow]:
        return [row for row in self.rows("pods") if isinstance(row, ev.PodRow)]

    def apply(self, event: Event) -> None:
        self.revision += 1
        self.began = self.began or event.at
        self.latest = max(self.latest, event.at)
        if (fold := self._fold.get(type(event))) is not None:
            fold(event)
        if (line := log_line.of_event(event)) is not None:
            self._log(line)

    def apply_all(self, events: Iterable[Event]) -> None:
        """Without a stream between: for lists that are there already."""
        for event in events:
            self.apply(event)

    # --- the session

    def _log(self, line: LogLine) -> None:
        self.log.append(line)
        self.log_count += 1

    def _start(self, event: ev.SessionStart) -> None:
        self.start = event

    def _console_ends(self, event: ev.ConsoleEnds) -> None:
        self.console_ends = frozenset(event.ends)

    def _drop(self, event: ev.ConsumerDrop) -> None:
        self.timeline.drop(event)
        if event.open:
            return
        self.drops[event.consumer] = self.drops.get(event.consumer, 0) + event.events
        data = self.targets.get(event.target)
        if event.consumer == SCREENS and event.packets and data is not None:
            data.capture_loss.note_unread(event.at, event.packets)

    def _finding(self, event: ev.FindingEvent) -> None:
        if text := self.findings.apply(event):
            self._log(log_line.of_finding(event, text))

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
        self.timeline.inventory_list(event, self.inventory.get(event.kind))
        self.inventory[event.kind] = RowIndex(event.rows)
        self._listed_namespace[event.kind] = event.namespace

    def _inventory_change(self, event: ev.InventoryChange) -> None:
        self.inventory_revision += 1
        self.book.apply(event)
        known = self.inventory.setdefault(event.row.kind, RowIndex())
        self.timeline.inventory_change(event, known)
        self.readiness.add(event, known.get(event.row.namespace, event.row.name))
        if event.verb == "DELETED":
            known.remove(event.row)
        else:
            known.put(event.row)

    # --- targets

    def _state(self, event: ev.TargetState) -> None:
        self.timeline.state(event)
        data = self.target(event.target)
        goes_on = data.phase == event.phase == "gap"  # one line for all attempts of one fault
        if (data.phase, data.message) != (event.phase, event.message) and not goes_on:
            self._log(log_line.of_state(event))
        data.phase, data.message = event.phase, event.message
        if event.phase == "gap" and not goes_on:
            data.begin_gap(event.at)

    def _keep_latest(self, event: ev.NetworkState | ev.RuleTables | ev.ConntrackTable) -> None:
        setattr(self.target(event.target), LATEST[type(event)], event)

    def _filter_rules(self, event: ev.FilterRules) -> None:
        self.target(event.target).filters.add(event)

    def _sample(self, event: ev.CounterSample) -> None:
        self.target(event.target).add_sample(event)

    def _sockets(self, event: ev.SocketSnapshot) -> None:
        data = self.target(event.target)
        data.add_sockets(event)
        if event.at <= data.peer_history.known_until:
            return
        values = peer_figures(grouped(event.rows, self.book)[:PEERS_KEPT])
        for row in data.watched_rows():
            values.update(socket_figures(row))
        data.peer_history.add(event.at, values)

    # --- captures

    def _packets(self, event: ev.PacketBatch) -> None:
        self.target(event.target).add_packets(event)

    def _capture(self, event: ev.CaptureState) -> None:
        self.timeline.capture(event)
        data = self.target(event.target)
        is_other = data.capture is not None and data.capture.capture != event.capture
        self._log_capture(data, event)
        if event.phase == "failed" and is_other:
            return  # a filter that was refused leaves the running capture as it is
        if is_other:  # another filter: the list shows what passes it
            data.forget_packets()
        data.capture = event
        data.capture_loss.note(event)

    def _log_capture(self, data: TargetData, event: ev.CaptureState) -> None:
        is_new = data.capture is None or data.capture.phase != event.phase
        if event.phase == "failed":
            data.capture_error = event.message
            text = f"capture failed: {event.message}"
            self._log(log_line.line(event, "capture", text, bad=True))
        elif event.phase == "gap" and is_new:
            data.packets.add_gap(GapLine(event.at, event.message))
            self._log(log_line.line(event, "gap", event.message, bad=True))
        elif event.phase != "gap" and is_new:
            shown = event.filter or "everything"
            self._log(log_line.line(event, "capture", f"capture {event.phase}: {shown}"))
            data.capture_error = ""
