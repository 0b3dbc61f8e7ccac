"""Which of the findings that were recorded explain others, as today's rules see it: the version
that recorded them may not have known. Nothing is found that was not recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import combinations
from typing import TYPE_CHECKING

from session.finding_history import Key
from session.findings_over_time import is_meant

if TYPE_CHECKING:
    from collectors.findings import Finding
    from collectors.stream import Stream
    from session.store import Store

EVERY_S = 2.0  # as the rules look
LONGEST_S = 64.0  # between two looks at the same findings
NOTE = (
    "which findings explain others: as rules of this version see it, where the recording does not"
    " say it"
)


class Hindsight:
    """Rules look where several findings hold that explain nothing of each other: when that begins,
    and after pauses that double, for an hour has few of these moments. `explained` are those that
    turned out to be consequences."""

    def __init__(self, store: Store, stream: Stream) -> None:
        self.explained: set[Key] = set()
        self._store = store
        self._stream = stream
        self._next = 0.0
        self._open: set[tuple[Key, Key]] = set()  # pairs that hold, and explain nothing
        self._pause, self._look_at = EVERY_S, 0.0

    async def advance(self, at: float) -> None:
        """Recorded time comes to `at`. The source waits meanwhile."""
        if at < self._next:
            return
        self._next = at + EVERY_S
        await self._stream.caught_up()
        held = [one for one in self._store.findings.current if one.key not in self.explained]
        pairs = {*combinations(sorted((one.key for one in held), key=str), 2)}
        if pairs - self._open:
            self._pause, self._look_at = EVERY_S, at
        self._open = pairs
        if pairs and at >= self._look_at:
            self._look_at = at + self._pause
            self._pause = min(2 * self._pause, LONGEST_S)
            await self._look(at, held)

    async def _look(self, at: float, held: list[Finding]) -> None:
        from diagnosis.rules import findings  # slow, the first time
        from session.snapshot_builder import gathered

        found = await asyncio.to_thread(findings, await gathered(self._store, at))
        for cause in found:
            self._note(cause, [one for one in held if one.key != cause.key])

    def _note(self, cause: Finding, others: Iterable[Finding]) -> None:
        for one in others:
            for text in (text for text in cause.consequences if is_meant(text, one)):
                if self._store.findings.explain(cause.key, text):
                    self.explained.add(one.key)
