"""What came first: marks of people, what was written to the cluster, gaps, and what changed in the
cluster, in order of time, folded from the stream. Findings have a history of their own.

Bounded: of what changes in the cluster the newest are kept, of marks and writes more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from collectors import events as ev
from collectors.events import Event, PodRow, Row
from collectors.frozen import slotted
from collectors.plural import counted
from collectors.target import name_in
from session.cluster_changes import ClusterChange, changes, rollout
from session.command_text import run_text
from session.finding_history import FindingHistory, FindingSpan
from session.log_line import lost_text
from session.row_index import RowIndex

KEPT = 2_000  # lines of each kind that comes by itself
KEPT_OF_PEOPLE = 10_000
WATCHED = ("pods", "nodes", "events")
BY_PEOPLE = ("mark", "write")
ENDED_ABRUPTLY = (
    "the recording ends abruptly here: its console was killed, its machine stopped, or its file was"
    " cut; up to a second before and all after is missing"
)
ONE_RUN_S = 10.0  # commands of one purpose with no longer pause between them are one line
INTERRUPTED = ("gap", "gone", "failed")


@slotted
class TimelineEntry:
    """From `at` to `until`: None where it is a moment, or goes on (`open`). `kind` is mark, write,
    run, guide, gap, rollout, restart, eviction, pod, node or probe; `where` is what it concerns.
    What is `routine` happens every few minutes in a healthy cluster."""

    at: float
    kind: str
    where: str
    text: str
    bad: bool = False
    author: str = ""
    until: float | None = None
    open: bool = False
    routine: bool = False


@slotted
class CommandsRun:
    """Commands of one purpose, one after the other: their line, and how many."""

    entry: TimelineEntry
    count: int = 0
    last: float = 0.0

    def add(self, event: ev.CommandRun) -> None:
        self.count += 1
        self.last = self.entry.until = event.at
        number = f"{counted(self.count, 'command')}, the last: " if self.count > 1 else ""
        self.entry.text = f"{event.asked_by}: {number}{run_text(event)}"


class Timeline:
    """`revision` changes with each entry."""

    def __init__(self) -> None:
        self.revision = 0
        self.is_restored = False  # what changed in the cluster is known already, and put here
        self._by_people: deque[TimelineEntry] = deque(maxlen=KEPT_OF_PEOPLE)
        self._others: deque[TimelineEntry] = deque(maxlen=KEPT)
        self._gaps: dict[str, TimelineEntry] = {}
        self._runs: dict[tuple[str, str], CommandsRun] = {}
        self.writes: deque[ev.Command] = deque(maxlen=KEPT_OF_PEOPLE)

    @property
    def entries(self) -> list[TimelineEntry]:
        """All of them, the oldest first."""
        return sorted([*self._by_people, *self._others], key=lambda entry: entry.at)

    def _add(self, entry: TimelineEntry) -> None:
        self.revision += 1
        (self._by_people if entry.kind in BY_PEOPLE else self._others).append(entry)

    def newest(self, count: int) -> list[TimelineEntry]:
        """The last of those that came by themselves."""
        return list(self._others)[-count:]

    def restore(self, entries: Iterable[TimelineEntry]) -> None:
        for entry in entries:
            self._add(entry)

    def open_gaps(self) -> dict[str, TimelineEntry]:
        """Those that go on, by what they are of."""
        return dict(self._gaps)

    def restore_gap(self, key: str, entry: TimelineEntry) -> None:
        """One that goes on."""
        self._gaps[key] = entry
        self._add(entry)

    def mark(self, event: ev.Mark) -> None:
        where = name_in(event.target)
        self._add(TimelineEntry(event.at, "mark", where, event.text, author=event.author))

    def command(self, event: ev.Command) -> None:
        """What was written to the cluster, and how it ended."""
        self.writes.append(event)
        text = f"{event.verb} {event.what}: {event.result}"
        bad = event.result.startswith("refused")
        where = name_in(event.target)
        self._add(TimelineEntry(event.at, "write", where, text, bad, author=event.user))

    def run(self, event: ev.CommandRun) -> None:
        """A command that was run at a target; several of one purpose are one line."""
        key = event.target, event.asked_by
        run = self._runs.get(key)
        if run is None or event.at - run.last > ONE_RUN_S:
            where, began = name_in(event.target), event.at - event.seconds
            run = self._runs[key] = CommandsRun(TimelineEntry(began, "run", where, ""))
            self._add(run.entry)
        run.add(event)
        self.revision += 1

    def guide(self, event: ev.GuideConclusion) -> None:
        """A guided diagnosis and how it ended: one line for all its steps."""
        about = f"{event.symptom} {event.goal}".strip()
        where = name_in(event.target)
        self._add(TimelineEntry(event.at, "guide", where, f"{about}: {event.text}", event.found))

    def drop(self, event: ev.ConsumerDrop) -> None:
        """Events that were lost between `since` and the event, or so far."""
        key = f"{event.consumer} {event.target} {event.since}"
        gap = self._gaps.pop(key, None)
        if gap is None:
            gap = TimelineEntry(event.since, "gap", name_in(event.target), "", True)
            self._add(gap)
        gap.text = lost_text(event)
        gap.open, gap.until = event.open, None if event.open else event.at
        if gap.open:
            self._gaps[key] = gap
        self.revision += 1

    def state(self, event: ev.TargetState) -> None:
        """A target's gap, from its first message until it is live again."""
        self._phase(event, event.target, event.phase, event.message)

    def capture(self, event: ev.CaptureState) -> None:
        if event.phase in ("gap", "running", "ended"):
            self._phase(event, f"{event.target} capture", event.phase, event.message)

    def _phase(self, event: Event, key: str, phase: str, message: str) -> None:
        gap = self._gaps.get(key)
        if phase in INTERRUPTED:
            if gap is None:
                self._begin_gap(event, key, message or phase)
        elif gap is not None and phase != "attaching":
            gap.until, gap.open = event.at, False
            del self._gaps[key]
            self.revision += 1

    def _begin_gap(self, event: Event, key: str, text: str) -> None:
        where = name_in(event.target) or event.target
        gap = self._gaps[key] = TimelineEntry(event.at, "gap", where, text, True, open=True)
        self._add(gap)

    def recording_end(self, event: ev.RecordingEnd) -> None:
        if not event.clean:
            self._add(TimelineEntry(event.at, "gap", "", ENDED_ABRUPTLY, True))

    # --- the cluster

    def inventory_change(self, event: ev.InventoryChange, known: RowIndex) -> None:
        """Before it is folded into what is `known` of its kind."""
        row = event.row
        if row.kind not in WATCHED or self.is_restored:
            return
        before = known.get(row.namespace, row.name)
        now = None if event.verb == "DELETED" else row
        self._note(event.at, changes(before, now))
        if before is None and isinstance(now, PodRow):
            self._note(event.at, _rollouts(known, now))

    def inventory_list(self, event: ev.InventoryList, known: RowIndex | None) -> None:
        """A list that replaces what was `known`; the first one of a kind changes nothing."""
        if event.kind not in WATCHED or known is None or self.is_restored:
            return
        now = {(row.namespace, row.name): row for row in event.rows}
        for row in event.rows:
            self._note(event.at, changes(known.get(row.namespace, row.name), row))
        for old in known.rows():
            if (old.namespace, old.name) not in now and _is_of(old, event.namespace):
                self._note(event.at, changes(old, None))

    def _note(self, at: float, found: Iterable[ClusterChange]) -> None:
        for one in found:
            entry = TimelineEntry(at, one.kind, one.where, one.text, one.bad)
            entry.routine = one.routine
            self._add(entry)


def joined(timeline: Timeline, findings: FindingHistory) -> list[TimelineEntry]:
    """With the findings, each from when to when it held; the oldest first."""
    held = [_of_finding(span, findings.is_earlier(span)) for span in findings.spans]
    return sorted([*timeline.entries, *held], key=lambda entry: entry.at)


def _of_finding(span: FindingSpan, is_earlier: bool) -> TimelineEntry:
    finding = span.worst
    return TimelineEntry(
        span.since,
        "finding",
        finding.where,
        f"began before: {finding.title}" if is_earlier else finding.title,
        finding.severity == "critical",
        until=span.until,
        open=span.until is None,
    )


def _is_of(row: Row, namespace: str) -> bool:
    return not namespace or row.namespace == namespace


def _rollouts(known: RowIndex, now: PodRow) -> Iterator[ClusterChange]:
    pods = (row for row in known.rows(now.namespace) if isinstance(row, PodRow))
    if (found := rollout(pods, now)) is not None:
        yield found
