"""Findings as the session goes: every two seconds the rules look at what is known, in a thread;
what appears, changes and is gone is an event.

Live, by the clock on the wall; over a recording or a capture, by the time that was recorded. Both
look at the same moments, every two seconds from the session's first event on: a session says the
same periods whenever it is looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from collectors.events import FindingChange, FindingEvent, Notice
from collectors.findings import Finding
from collectors.stream import Stream
from session.left_over import LeftOver
from session.store import Store

if TYPE_CHECKING:
    from diagnosis.tracker import Tracker

EVERY_S = 2.0
LAST_RISE_S = 0.5  # between the last two looks
EARLY_S = 0.05
WINDOW_S = 20.0  # the packets that rules look at are of the last 15 to 20 s
MOST_LOOKS = 8  # at what does not change: longer than a finding needs to appear and to clear


def next_look(began: float, at: float) -> float:
    """The first moment after a time at which is looked, in a session that `began` earlier."""
    return began + ((at - began) // EVERY_S + 1) * EVERY_S


class DiagnosisLoop:
    """`enabled` is False where `run` has nothing to do: the findings come with the events, as in a
    recording that has them in full, or `advance` is called as recorded time passes. `time_passes`
    is False where only the end of a capture is looked at: nothing can hold for long."""

    def __init__(self, store: Store, stream: Stream) -> None:
        self.budget_ms: float | None = None
        self.namespace = ""  # of which alone, and of what it depends on, findings are wanted
        self.enabled = True
        self.time_passes = True
        self._store = store
        self._stream = stream
        self._tracker: Tracker | None = None
        self._published: dict[object, tuple[Finding, float]] = {}  # and since when it holds
        self._seen: dict[object, tuple[Finding, float]] = {}  # that were published, and when last
        self._left = LeftOver(WINDOW_S)
        self.problems: tuple[str, ...] = ()  # of rules of other packages, in sentences
        self._next = 0.0

    async def run(self, now: Callable[[], float]) -> None:
        """Until cancelled. What does not change is looked at once."""
        looked_at = 0.0
        while True:
            if self.time_passes:
                await asyncio.sleep(self._next_after(now()) - now())
            if self.enabled and (at := now()) != looked_at:
                looked_at = at
                await self.look(self._not_early(at))
            if not self.time_passes:
                await asyncio.sleep(EVERY_S)

    def _next_after(self, at: float) -> float:
        return next_look(self._store.began or at, at)

    def _not_early(self, at: float) -> float:
        """A timer may be over a moment before its time."""
        return coming if (coming := self._next_after(at)) - at < EARLY_S else at

    async def advance(self, at: float) -> None:
        """Recorded time comes to `at`: look at every two seconds on the path there. Where nothing
        was recorded for long, findings have appeared and cleared after some of them."""
        self._next = self._next or self._next_after(at)
        if at >= self._next:
            await self._stream.caught_up()
        for _ in range(MOST_LOOKS):
            if at < self._next:
                return
            await self.look(self._next)
            self._next += EVERY_S
        self._next = max(self._next, self._next_after(at) - EVERY_S)

    async def begin_at(self, at: float) -> None:
        """Forget what was found, and look at what is known of a time: what cannot be seen to last
        is found at once, as at the end of a capture."""
        tracker = self._tracker = self._new_tracker()
        self._published, self._next = {}, self._next_after(at)
        self._seen, self._left = {}, LeftOver(WINDOW_S)
        usual, tracker.rise = tracker.rise, 0.0
        await self.look(at)
        tracker.rise = usual
        await self._stream.caught_up()

    async def look(self, at: float, *, at_end: bool = False) -> list[Finding]:
        """Evaluate the rules now; what holds, the worst first. `at_end` of what was recorded holds
        what was seen once before."""
        rules = await asyncio.to_thread(import_module, "diagnosis.rules")  # slow, the first time
        from session.snapshot_builder import gathered

        snapshot = await gathered(self._store, at, self.budget_ms)
        if self.namespace:
            snapshot = replace(snapshot, namespace=self.namespace)
        earlier = [one for one, seen in self._seen.values() if at - seen <= WINDOW_S]
        found = await asyncio.to_thread(rules.findings, snapshot, earlier)
        follows = partial(rules.follows, snapshot)
        found = await asyncio.to_thread(self._left.without, found, at, follows)
        self._say(rules.extensions().problems, at)
        tracker = self._tracker = self._tracker or self._new_tracker()
        if at_end:
            tracker.rise = min(tracker.rise, LAST_RISE_S)
        return self._update(tracker, found, at)

    def _say(self, problems: tuple[str, ...], at: float) -> None:
        for sentence in problems:
            if sentence not in self.problems:
                self._stream.publish(Notice(at, "", sentence, "error"))
        self.problems = problems

    def _update(self, tracker: Tracker, found: list[Finding], at: float) -> list[Finding]:
        appeared, cleared = tracker.update(found, at)
        for finding in cleared:
            self._publish(at, "gone", finding)
        for finding in appeared:
            self._publish(at, "appeared", finding)
        current = tracker.current
        for finding in current:
            if self._published[finding.key][0] != finding:
                self._publish(at, "changed", finding)
        keys = {finding.key for finding in found}
        self._seen |= {one.key: (one, at) for one in current if one.key in keys}
        self._left.remember((one for one in current if one.key in keys), at)
        return current

    def _new_tracker(self) -> Tracker:
        from diagnosis.tracker import RISE_S, Tracker

        return Tracker(rise=RISE_S if self.time_passes else 0.0)

    def _publish(self, at: float, change: FindingChange, finding: Finding) -> None:
        if change == "gone":
            _, since = self._published.pop(finding.key)
        else:
            assert self._tracker is not None
            since = self._tracker.since(finding)
            self._published[finding.key] = finding, since
        self._stream.publish(FindingEvent(at, "", change, finding, since))
