"""What a colleague who joins late is sent first: all that the driver's store holds, and the figures
of the last 30 minutes. It becomes a store of the same content at the other end.

It is gathered at once, on the event loop, by reference (figures as copied arrays), and becomes
messages piece by piece in a thread.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from collectors import events as ev
from collectors.events import Event
from collectors.frozen import frozen
from collectors.recording import event_codec
from collectors.recording.figure_rows import FigureRows
from session.finding_history import FindingSpan
from session.history import History, value_or_none
from session.log_line import LogLine
from session.store import LATEST, Store
from session.target_data import GapLine, PacketLine, TargetData
from session.timeline import TimelineEntry

MOST_PACKETS = 20_000  # of a target, as in a replay
BATCH = 500  # packets of one event
PIECE = 300  # rows of figures of one event


@frozen
class FigureCopy:
    """The rows of a history at full rate."""

    target: str
    of_peers: bool
    times: array[float]
    known: array[float]
    columns: dict[str, array[float]]
    moved: dict[str, int]
    packets: int


@frozen
class SharedState:
    """`figures` come first: evidence that they were made of is not added to them again. `entries`
    are those of the timeline, with the key of a gap that goes on; `counts` by name."""

    figures: tuple[FigureCopy, ...]
    events: tuple[Event, ...]
    packets: tuple[tuple[ev.CaptureState | None, str, tuple[PacketLine | GapLine, ...]], ...]
    captures: tuple[ev.CaptureState, ...]
    entries: tuple[tuple[str, TimelineEntry], ...]
    log: tuple[LogLine, ...]
    counts: dict[str, object]
    not_folded: tuple[Event, ...]


def gathered_state(store: Store, not_folded: Iterable[Event]) -> SharedState:
    """On the event loop; `not_folded` was published and is not in the store yet."""
    targets = list(store.targets.values())
    return SharedState(
        figures=tuple(copy for data in targets for copy in _figures(data)),
        events=(*_of_session(store), *(event for data in targets for event in _of_target(data))),
        packets=tuple((data.capture, data.key, _last_packets(data)) for data in targets),
        captures=tuple(data.capture for data in targets if data.capture is not None),
        entries=tuple(_entries(store)),
        log=tuple(store.log),
        counts=_counts(store),
        not_folded=tuple(not_folded),
    )


def _counts(store: Store) -> dict[str, object]:
    return {
        "drops": dict(store.drops),
        "began": store.began,
        "latest": store.latest,
        "packets_seen": {key: data.packets_seen for key, data in store.targets.items()},
    }


def _figures(data: TargetData) -> Iterator[FigureCopy]:
    for of_peers, history in ((False, data.history), (True, data.peer_history)):
        if history.fine.times:
            yield _copy(data, history, of_peers)


def _copy(data: TargetData, history: History, of_peers: bool) -> FigureCopy:
    table = history.fine
    return FigureCopy(
        data.key,
        of_peers,
        times=table.times[:],
        known=table.known[:],
        columns={name: column[:] for name, column in table.columns.items()},
        moved={} if of_peers else dict(data.moved),
        packets=data.packets_seen,
    )


def _of_session(store: Store) -> Iterator[Event]:
    at = store.latest
    yield from (event for event in (store.start, store.access) if event is not None)
    yield ev.ConsoleEnds(at, "", tuple(store.console_ends))
    yield ev.LeftBehind(at, "", store.left)
    for kind in {**store.inventory, **store.refused}:
        coverage = store.coverage(kind)
        namespace = coverage.detail if coverage.state == "namespace" else ""
        yield ev.InventoryList(
            at,
            "",
            kind,
            rows=tuple(store.rows(kind)),
            refused=store.refused.get(kind, ""),
            namespace=namespace,
        )
    yield from store.timeline.writes
    for span in store.findings.spans:
        yield from _of_span(span)


def _of_span(span: FindingSpan) -> Iterator[Event]:
    """As it began, at its worst, and as it is or was."""
    yield ev.FindingEvent(span.since, "", "appeared", span.worst, span.since)
    last = span.since if span.until is None else span.until
    yield ev.FindingEvent(last, "", "changed", span.finding, span.since)
    if span.until is not None:
        yield ev.FindingEvent(last, "", "gone", span.finding, span.since)


def _of_target(data: TargetData) -> Iterator[Event]:
    """States without a time: a gap is in the figures already."""
    if data.sockets_at:
        note = data.sockets_note
        yield ev.SocketSnapshot(
            data.sockets_at, data.key, data.sockets, source=data.sockets_source, note=note
        )
    if data.rates_from is None:  # rates begin again with the next
        yield ev.TargetState(0.0, data.key, "gap")
    yield ev.TargetState(0.0, data.key, data.phase, data.message)  # type: ignore[arg-type]
    for name in LATEST.values():
        if (event := getattr(data, name)) is not None:
            yield event
    yield from data.samples


def _last_packets(data: TargetData) -> tuple[PacketLine | GapLine, ...]:
    return tuple(data.packets[-MOST_PACKETS:])


def _entries(store: Store) -> Iterator[tuple[str, TimelineEntry]]:
    keys = {id(entry): key for key, entry in store.timeline.open_gaps().items()}
    for entry in store.timeline.entries:
        yield keys.get(id(entry), ""), entry


# --- as events


def figure_events(state: SharedState) -> Iterator[FigureRows]:
    for copy in state.figures:
        for first in range(0, len(copy.times), PIECE):
            yield _rows(copy, first, first + PIECE)


def _rows(copy: FigureCopy, first: int, end: int) -> FigureRows:
    times, known = copy.times[first:end], copy.known[first:end]
    return FigureRows(
        times[-1],
        copy.target,
        of_peers=copy.of_peers,
        times=tuple(times),
        columns=dict(_columns(copy, first, end)),
        gaps=tuple(row for row, value in enumerate(known) if value != value),
        moved=copy.moved,
        packets=copy.packets,
    )


def _columns(
    copy: FigureCopy, first: int, end: int
) -> Iterator[tuple[str, tuple[float | None, ...]]]:
    """Of figures that moved."""
    for name, column in copy.columns.items():
        if any(values := column[first:end]):
            yield name, tuple(map(value_or_none, values))


def state_events(state: SharedState) -> Iterator[Event]:
    yield from state.events
    for capture, key, lines in state.packets:
        yield from _of_packets(capture, key, lines)
    yield from state.captures


def _of_packets(
    capture: ev.CaptureState | None, key: str, lines: Sequence[PacketLine | GapLine]
) -> Iterator[Event]:
    """Batches, with the gaps between them."""
    number = capture.capture if capture is not None else 0
    rest = iter(lines)
    batch: list[PacketLine] = []
    for line in rest:
        if isinstance(line, PacketLine) and _continues(batch, line):
            batch.append(line)
            continue
        yield from _batches(key, batch)
        batch = [line] if isinstance(line, PacketLine) else []
        if isinstance(line, GapLine):
            yield ev.CaptureState(line.at, key, number, "gap", filter="", message=line.text)
            yield ev.CaptureState(line.at, key, number, "running", "")
    yield from _batches(key, batch)


def _continues(batch: Sequence[PacketLine], line: PacketLine) -> bool:
    kinds = {(one.capture, one.linktype) for one in (*batch[-1:], line)}
    return len(kinds) == 1 and len(batch) < BATCH


def _batches(key: str, batch: Sequence[PacketLine]) -> Iterator[ev.PacketBatch]:
    for line in islice(batch, 1):
        packets = tuple(one.packet for one in batch)
        yield ev.PacketBatch(
            packets[-1].time, key, capture=line.capture, linktype=line.linktype, packets=packets
        )


# --- lines that are no events

Plain = list[Any]


def plain_entry(key: str, entry: TimelineEntry) -> Plain:
    return [
        key,
        entry.at,
        entry.kind,
        entry.where,
        entry.text,
        entry.bad,
        entry.author,
        entry.until,
        entry.open,
        entry.routine,
    ]


def plain_log_line(line: LogLine) -> Plain:
    finding = None if line.finding is None else event_codec.plain(line.finding)
    return [line.at, line.target, line.kind, line.text, line.bad, line.detail, finding]
