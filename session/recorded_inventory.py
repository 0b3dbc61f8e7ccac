"""Objects of a recorded session as they were at a time, without every change on the path there: of
an object that changed often only the last changes matter, and what the timeline says of the others
is worked out once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf

from collectors.events import Event, InventoryChange, InventoryList
from session.row_index import Key, RowIndex, key_of
from session.store import Store
from session.timeline import Timeline, TimelineEntry

MATTERS_S = 300.0  # a name is kept so long after its owner went, and readiness is looked at
Numbered = tuple[float, Event]


class RecordedInventory:
    """By the number of an event: when the same object changes next, and what the timeline says."""

    def __init__(self, events: Sequence[Numbered]) -> None:
        self._next_at = _next_at(events)
        self._entries = _entries(events)

    def restore(self, store: Store, events: Iterable[Numbered], at: float) -> None:
        """Fold events, all from the first on, as far as they matter at a time."""
        timeline, matters_from = store.timeline, at - MATTERS_S
        timeline.is_restored = True
        for number, event in events:
            if self._next_at.get(number, inf) >= matters_from:
                store.apply(event)
            if (entries := self._entries.get(number)) is not None:
                timeline.restore(entries)
        timeline.is_restored = False


def _next_at(events: Sequence[Numbered]) -> dict[float, float]:
    """Of changes: the time of the next one of the same object, or of a list of its kind."""
    found: dict[float, float] = {}
    changed: dict[tuple[str, Key], float] = {}
    for number, event in reversed(events):
        if isinstance(event, InventoryList) and not event.refused and not event.namespace:
            kind = event.kind
            changed = {key: at for key, at in changed.items() if key[0] != kind}
            changed[kind, ("", "")] = event.at
        elif isinstance(event, InventoryChange):
            key = event.row.kind, key_of(event.row)
            next_at = changed.get(key, changed.get((event.row.kind, ("", "")), inf))
            found[number] = next_at
            changed[key] = event.at
    return found


def _entries(events: Sequence[Numbered]) -> dict[float, list[TimelineEntry]]:
    found: dict[float, list[TimelineEntry]] = {}
    timeline, known = Timeline(), dict[str, RowIndex]()
    for number, event in events:
        before = timeline.revision
        if isinstance(event, InventoryList):
            _fold_list(event, timeline, known)
        elif isinstance(event, InventoryChange):
            _fold_change(event, timeline, known)
        if new := timeline.revision - before:
            found[number] = timeline.newest(new)
    return found


def _fold_list(event: InventoryList, timeline: Timeline, known: dict[str, RowIndex]) -> None:
    """As the store does."""
    if event.refused and not event.rows:
        return
    timeline.inventory_list(event, known.get(event.kind))
    known[event.kind] = RowIndex(event.rows)


def _fold_change(event: InventoryChange, timeline: Timeline, known: dict[str, RowIndex]) -> None:
    rows = known.get(event.row.kind)
    if rows is None:
        rows = known[event.row.kind] = RowIndex()
    timeline.inventory_change(event, rows)
    if event.verb == "DELETED":
        rows.remove(event.row)
    else:
        rows.put(event.row)
