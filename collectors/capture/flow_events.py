"""The events of a TCP connection as it goes: alike ones in a row are one, there are never too many.

The compiled core keeps 32 bytes of each, and no object (flow_events.pyx).
"""

from __future__ import annotations

from collectors.capture.flow_event import ICMP_ERROR, KINDS, FlowEvent

MAX_EVENTS = 400
MOST_ALIKE = (1 << 32) - 1  # in one


class FlowEvents(list[FlowEvent]):
    """In their order."""

    __slots__ = ()

    def listed(self) -> list[FlowEvent]:
        """A new list; nothing that is done to what is in it is kept."""
        return list(self)

    def note(self, at: int, by_client: bool, kind: int, size: int) -> None:
        """`kind` is a place in KINDS, `size` in bytes, `at` in nanoseconds."""
        self._add(FlowEvent(at, by_client, KINDS[kind], size))

    def note_error(self, at: int, text: str) -> None:
        """An ICMP error, and what it says."""
        self._add(FlowEvent(at, False, KINDS[ICMP_ERROR], note=text))

    def _add(self, event: FlowEvent) -> None:
        last = self[-1] if self else None
        if last is not None and _alike(last, event) and last.count < MOST_ALIKE:
            last.until = event.at
            last.count += 1
            last.size += event.size
        elif len(self) < MAX_EVENTS:
            self.append(event)


def _alike(one: FlowEvent, other: FlowEvent) -> bool:
    return (one.kind, one.by_client, one.note) == (other.kind, other.by_client, other.note)
