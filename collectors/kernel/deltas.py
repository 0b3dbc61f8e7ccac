"""Counters into deltas, rates and shares: the only place where samples are subtracted.

By the sample's own clock. A reset, a wrap, another network namespace or a long silence makes what
it touches unknown (None), never interpolated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from collectors.events import CounterSample
from collectors.frozen import frozen
from collectors.kernel.counters import describe

LATE_S = 5.0  # a longer silence than this between samples is a gap
Deltas = Mapping[str, int | None]  # None: the counter was reset, or wrapped


class Share(NamedTuple):
    """A part and what it is a share of, as counts."""

    part: int
    whole: int

    @property
    def exceeds(self) -> bool:
        """Whether the part is larger than the whole, so that only counts describe it."""
        return self.part > self.whole

    @property
    def percent(self) -> float | None:
        """0 to 100; None where the whole is 0."""
        return min(100.0, 100.0 * self.part / self.whole) if self.whole else None


def total(deltas: Deltas, names: Sequence[str]) -> int | None:
    """The sum of those that are counted here; None after a reset of one, or where none is known."""
    found = [deltas[name] for name in names if name in deltas]
    known = [delta for delta in found if delta is not None]
    return sum(known) if found and len(known) == len(found) else None


@frozen
class SampleDelta:
    """What happened between two samples: seconds, and the change of each counter."""

    at: float
    seconds: float
    gap: bool
    deltas: Deltas

    def rate(self, *names: str) -> float | None:
        """Change per second of the sum of some counters; None in a gap, after a reset, or where
        none is known."""
        if self.gap or self.seconds <= 0:
            return None
        change = total(self.deltas, names)
        return None if change is None else change / self.seconds

    def share(self, part: str, whole: str) -> float | None:
        """Per cent of one counter's change in another's; None where the other did not move."""
        above, below = self.deltas.get(part), self.deltas.get(whole)
        if self.gap or above is None or not below:
            return None
        return Share(above, below).percent

    def moving(self) -> dict[str, int]:
        """Counters that moved, and all CPU times: an idle CPU has a share too."""
        return {
            name: delta
            for name, delta in self.deltas.items()
            if delta or (delta == 0 and name.startswith("cpu"))
        }


def between(before: CounterSample | None, after: CounterSample) -> SampleDelta:
    """The difference of two samples of one target that follow each other."""
    if before is None:
        return _unknown(after.at)
    seconds = after.clock - before.clock
    return SampleDelta(after.at, seconds, _gap(before, after), _changes(before, after))


def over(samples: Sequence[CounterSample], window_s: float) -> SampleDelta:
    """What counters did in the last `window_s` seconds of a series of samples, since its last
    gap."""
    run = _run(samples, window_s)
    if len(run) < 2:
        return _unknown(samples[-1].at if samples else 0.0)
    last, first = run[0], run[-1]
    return SampleDelta(last.at, last.clock - first.clock, False, _changes_of(run))


def _unknown(at: float) -> SampleDelta:
    """Of a sample with none to compare it with."""
    return SampleDelta(at, 0.0, True, {})


def _changes_of(newest_first: Sequence[CounterSample]) -> dict[str, int | None]:
    deltas = _changes(newest_first[-1], newest_first[0])
    return {
        name: None if delta and _fell(newest_first, name) else delta
        for name, delta in deltas.items()
    }


def _run(samples: Sequence[CounterSample], window_s: float) -> list[CounterSample]:
    """The last samples without a gap between them, the newest first."""
    run: list[CounterSample] = []
    for sample in reversed(samples):
        if run and (_gap(sample, run[-1]) or run[0].clock - sample.clock > window_s):
            break
        run.append(sample)
    return run


def _gap(before: CounterSample, after: CounterSample) -> bool:
    """A clock that went back or stopped, another network namespace, or a long silence."""
    return not 0 < after.clock - before.clock <= LATE_S or after.netns != before.netns


def _changes(before: CounterSample, after: CounterSample) -> dict[str, int | None]:
    deltas: dict[str, int | None] = {}
    for name, value in after.values.items():
        old = before.values.get(name)
        if old is None or describe(name).gauge:
            continue
        deltas[name] = value - old if value >= old else None
    return deltas


def _fell(newest_first: Sequence[CounterSample], name: str) -> bool:
    """Whether a counter fell between two samples, though it ends higher: a reset in between."""
    values = [sample.values[name] for sample in newest_first if name in sample.values]
    return any(new < old for new, old in pairwise(values))
