"""The state that a viewer was sent, as a store: blocking, used in a thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from collectors.events import Event
from collectors.recording import event_codec
from collectors.recording.event_codec import Malformed
from collectors.recording.figure_rows import FigureRows
from collectors.recording.log_lines import parsed
from session.history import History, Table
from session.log_line import LogLine
from session.recorded_figures import joined_pieces, piece_of
from session.share.frames import EVENT, FrameError, said
from session.store import LOG_KEPT, Store
from session.timeline import Timeline, TimelineEntry

NEVER = float("inf")


def event_of(body: bytes) -> Event:
    """FrameError where a message is no event that this podwire knows."""
    try:
        if body[:1] == EVENT and isinstance(event := parsed(body[1:])[1], Event):
            return event
    except Malformed as error:
        raise FrameError(f"an event that this podwire does not know: {error}") from None
    raise FrameError("a message that is no event")


def received_state(bodies: Sequence[bytes]) -> Store:
    """Figures first, the events, and what was said of the whole. FrameError where that is not what
    a driver sends."""
    store = Store()
    events = [event_of(body) for body in bodies if body[:1] == EVENT]
    _restore_figures(store, [event for event in events if isinstance(event, FigureRows)])
    store.apply_all(event for event in events if not isinstance(event, FigureRows))
    try:
        for body in bodies:
            if body[:1] != EVENT:
                _restore_lines(store, said(body))
    except (TypeError, ValueError, KeyError) as error:
        raise FrameError(f"a state that cannot be read: {error}") from None
    return store


def _restore_figures(store: Store, rows: Sequence[FigureRows]) -> None:
    by_history: dict[tuple[str, bool], list[FigureRows]] = {}
    for one in rows:
        by_history.setdefault((one.target, one.of_peers), []).append(one)
    for (target, of_peers), pieces in by_history.items():
        data, last = store.target(target), pieces[-1]
        if of_peers:
            data.peer_history = _history(pieces)
            continue
        data.history = _history(pieces)
        data.moved, data.moved_until = dict(last.moved), last.at


def _history(rows: Sequence[FigureRows]) -> History:
    fine = joined_pieces([piece_of(one) for one in rows], NEVER)
    made = History.of(fine, Table(History.COARSE_ROWS))
    made.known_until = rows[-1].at
    return made


def _restore_lines(store: Store, value: Mapping[str, Any]) -> None:
    """The timeline, the log and what else is counted, in place of what the events made."""
    if value["say"] != "lines":
        return
    before, timeline = store.timeline, Timeline()
    timeline.writes = before.writes
    for key, *entry in value["entries"]:
        if key:
            timeline.restore_gap(key, TimelineEntry(*entry))
        else:
            timeline.restore([TimelineEntry(*entry)])
    store.timeline = timeline
    store.log = deque(map(_log_line, value["log"]), maxlen=LOG_KEPT)
    store.log_count = len(store.log)
    store.drops = dict(value["drops"])
    store.began, store.latest = float(value["began"]), float(value["latest"])
    for target, seen in value["packets_seen"].items():
        data = store.target(target)
        missing = seen - data.packets_seen
        data.packets_seen = seen
        if missing > 0 and data.packets:
            first = data.packets[0]
            data.packets_from = getattr(first, "at", 0.0) or first.packet.time  # type: ignore[union-attr]


def _log_line(fields: Sequence[Any]) -> LogLine:
    at, target, kind, text, bad, detail, finding = fields
    shown = None if finding is None else event_codec.rich(finding)
    return LogLine(at, target, kind, text, bad=bad, detail=detail, finding=shown)
