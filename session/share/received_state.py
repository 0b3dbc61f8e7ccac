"""The state that a viewer was sent, as a store: blocking, used in a thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from collectors.events import Event
from collectors.recording import event_codec
from collectors.recording.event_codec import DAMAGES, Malformed
from collectors.recording.field_types import Check, check_of, checks_of
from collectors.recording.figure_rows import FigureRows
from collectors.recording.log_lines import parsed
from session.history import History
from session.log_line import LogLine
from session.recorded_figures import joined_pieces, piece_of
from session.share.frames import EVENT, FrameError, said
from session.store import LOG_KEPT, Store
from session.timeline import Timeline, TimelineEntry

NEVER = float("inf")
_ENTRY = checks_of(TimelineEntry) | {"until": check_of(float | None, "at")}
_LOG_LINE = checks_of(LogLine) | {"detail": check_of(str, "output")}  # of several lines
_TIME = check_of(float, "at")
_COUNTS = check_of(dict[str, int])


def event_of(body: bytes) -> Event:
    """FrameError where a message is not an event that this podwire knows."""
    try:
        if body[:1] == EVENT and isinstance(event := parsed(body[1:])[1], Event):
            return event
    except Malformed as error:
        raise FrameError(f"an event that this podwire does not know: {error}") from None
    raise FrameError("a message that is not an event")


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
    except DAMAGES as error:
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
    made = History.of(fine)
    made.known_until = rows[-1].at
    return made


def _restore_lines(store: Store, value: Mapping[str, Any]) -> None:
    """The timeline, the log and what else is counted, in place of what the events made."""
    if value["say"] != "lines":
        return
    before, timeline = store.timeline, Timeline()
    timeline.writes = before.writes
    for key, *entry in value["entries"]:
        made = TimelineEntry(**_checked(_ENTRY, entry))
        if key:
            timeline.restore_gap(str(key), made)
        else:
            timeline.restore([made])
    store.timeline = timeline
    store.log = deque(map(_log_line, value["log"]), maxlen=LOG_KEPT)
    store.log_count = len(store.log)
    store.drops = _COUNTS(value["drops"])
    store.began, store.latest = _TIME(value["began"]), _TIME(value["latest"])
    for target, seen in _COUNTS(value["packets_seen"]).items():
        data = store.target(target)
        missing = seen - data.packets_seen
        data.packets_seen = seen
        if missing > 0 and data.packets:
            first = data.packets[0]
            data.packets_from = getattr(first, "at", 0.0) or first.packet.time  # type: ignore[union-attr]


def _log_line(fields: Sequence[Any]) -> LogLine:
    *about, finding = fields
    shown = None if finding is None else event_codec.rich(finding)
    return LogLine(**_checked(_LOG_LINE, [*about, shown]))


def _checked(checks: Mapping[str, Check], values: Sequence[Any]) -> dict[str, Any]:
    """Fields by their names, each as it may be: what the driver's console sends is read by every
    screen."""
    if len(values) != len(checks):
        raise ValueError(f"not {len(checks)} fields")
    named = zip(checks.items(), values, strict=True)
    return {name: check(value) for (name, check), value in named}
