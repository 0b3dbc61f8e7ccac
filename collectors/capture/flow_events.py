"""The events of a TCP connection as it goes: alike ones in a row are one, there are never too many.

The compiled core keeps 32 bytes of each, and no object (flow_events.pyx).
"""

from __future__ import annotations

from collectors.capture.flow_event import ICMP_ERROR, KINDS, FlowEvent
from collectors.capture.header_row import HeaderRow
from collectors.capture.tracked_flow import TrackedFlow

MAX_EVENTS = 400
MOST_ALIKE = (1 << 32) - 1  # in one
PLACES = {kind: place for place, kind in enumerate(KINDS)}
Counted = dict[tuple[int, int, bool], int]  # by period, place in KINDS, and whether by the client


class FlowWithEvents(TrackedFlow):
    __slots__ = ("_events",)

    def enter(self, number: int, row: HeaderRow) -> None:
        """What a new one is."""
        super().enter(number, row)
        self._events: list[FlowEvent] = []

    @property
    def event_count(self) -> int:
        return len(self._events)

    @property
    def events(self) -> list[FlowEvent]:
        """What happened, in its order; a new list each time. Nothing that is done to what is in it
        is kept."""
        return list(self._events)

    def counted_events(self, kinds: int, every: int) -> Counted:
        """How often what is of some kinds happened, by periods of `every` ns in which it began,
        without an object for each event; `kinds` has the bits of their places in KINDS."""
        found: Counted = {}
        for event in self._events:
            place = PLACES[event.kind]
            if kinds >> place & 1:
                key = (event.at // every, place, event.by_client)
                found[key] = found.get(key, 0) + event.count
        return found

    def note(self, at: int, by_client: bool, kind: int, size: int) -> None:
        """`kind` is a place in KINDS, `size` in bytes, `at` in nanoseconds."""
        self._add(FlowEvent(at, by_client, KINDS[kind], size))

    def note_error(self, at: int, text: str) -> None:
        """An ICMP error, and what it says."""
        self._add(FlowEvent(at, False, KINDS[ICMP_ERROR], note=text))

    def _add(self, event: FlowEvent) -> None:
        last = self._events[-1] if self._events else None
        if last is not None and _alike(last, event) and last.count < MOST_ALIKE:
            last.until = event.at
            last.count += 1
            last.size += event.size
        elif len(self._events) < MAX_EVENTS:
            self._events.append(event)


def _alike(one: FlowEvent, other: FlowEvent) -> bool:
    return (one.kind, one.by_client, one.note) == (other.kind, other.by_client, other.note)
