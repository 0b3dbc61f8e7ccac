"""What the rules of a target that drop or reject counted in the last seconds."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from collectors.events import FilterRule, FilterRules
from diagnosis.filter_counts import RisingRule

KEPT = 8
Key = tuple[str, str, str, str]


class FilterCounts:
    """Of one target."""

    def __init__(self) -> None:
        self._read: deque[FilterRules] = deque(maxlen=KEPT)

    def add(self, event: FilterRules) -> None:
        self._read.append(event)

    def clear(self) -> None:
        self._read.clear()

    def rising(self, now: float) -> Iterator[RisingRule]:
        """Since the reading before the window, or the first that is known; nothing of one reading,
        nor where the last is older than the window. A rule that is new counts from 0."""
        from diagnosis.snapshot import WINDOW_S  # the first list waits for no snapshot

        if len(self._read) < 2 or now - self._read[-1].at > WINDOW_S:
            return
        last, first = self._read[-1], self._before(self._read[-1].at - WINDOW_S)
        known = {_key(row): row.packets for row in first.rows}
        for row in last.rows:
            before = known.get(_key(row), 0)
            packets = row.packets - before if row.packets >= before else row.packets
            if packets:
                yield RisingRule(row, packets, last.at - first.at)

    def _before(self, at: float) -> FilterRules:
        """The latest that is not after a time, else the first."""
        earlier = [one for one in self._read if one.at <= at]
        return earlier[-1] if earlier else self._read[0]


def _key(row: FilterRule) -> Key:
    return row.backend, row.table, row.chain, row.text
