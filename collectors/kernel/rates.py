"""Counters into rates, by the sample's own clock. What cannot be known is None, never interpolated."""

from __future__ import annotations

from collections.abc import Mapping

from collectors.events import CounterSample
from collectors.frozen import frozen
from collectors.kernel.counters import describe

LATE_S = 5.0  # a longer silence than this between samples is a gap


@frozen
class SampleDelta:
    """What happened between two samples: seconds, and change of each counter (None: it was reset)."""

    at: float
    seconds: float
    gap: bool
    deltas: Mapping[str, int | None]

    def rate(self, *names: str) -> float | None:
        """Change a second of the sum of some counters; None in a gap, after a reset, or where none is known."""
        if self.gap or self.seconds <= 0:
            return None
        found = [self.deltas[name] for name in names if name in self.deltas]
        if not found:
            return None
        known = [delta for delta in found if delta is not None]
        return sum(known) / self.seconds if len(known) == len(found) else None

    def share(self, part: str, whole: str) -> float | None:
        """Per cent of one counter's change in another's; None where the other did not move."""
        above, below = self.deltas.get(part), self.deltas.get(whole)
        if self.gap or above is None or not below:
            return None
        return 100.0 * above / below


def step(before: CounterSample | None, after: CounterSample) -> SampleDelta:
    """The difference of two samples of one target. A clock that went back, another network namespace or a
    long silence makes it a gap."""
    if before is None:
        return SampleDelta(after.at, 0.0, True, {})
    seconds = after.clock - before.clock
    gap = seconds <= 0 or seconds > LATE_S or after.netns != before.netns
    deltas: dict[str, int | None] = {}
    for name, value in after.values.items():
        old = before.values.get(name)
        if old is None or describe(name).gauge:
            continue
        deltas[name] = value - old if value >= old else None
    return SampleDelta(after.at, seconds, gap, deltas)
