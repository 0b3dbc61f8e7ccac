"""The contents of an incident report, as plain values. Times are seconds since the epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain

from collectors.findings import Finding, counts_text
from collectors.frozen import frozen


@frozen
class ReportGraph:
    """A figure over the time of the report: points of time and value; a value of None is a gap."""

    title: str
    unit: str
    where: str
    meaning: str
    points: Sequence[tuple[float, float | None]]

    @property
    def highest(self) -> float:
        return max((value for _, value in self.points if value is not None), default=0.0)


EXPLAINED = "explained by another finding, and not counted beside it"
NO_CAUSE = "A change that precedes a finding is not necessarily its cause."


@frozen
class ReportFinding:
    """`until` None: it still held at the end. `is_explained`: another finding explained it at some
    time, so it is not counted."""

    finding: Finding
    since: float
    until: float | None
    graphs: Sequence[ReportGraph] = ()
    is_explained: bool = False


@frozen
class ReportEntry:
    """A line of the timeline. `until` None: it was momentary, or lasted to the end (`open`)."""

    at: float
    kind: str
    where: str
    text: str
    author: str = ""
    bad: bool = False
    until: float | None = None
    open: bool = False


@frozen
class ReportWrite:
    """A write to the cluster, by which user, and its result."""

    at: float
    user: str
    verb: str
    what: str
    result: str


@frozen
class ReportCapture:
    """A capture file; `note` says what is missing from it."""

    name: str
    where: str
    packets: int
    bytes: int
    sha256: str
    note: str = ""


@frozen
class IncidentReport:
    """`before_first` are changes in the minutes before the first finding; `left` are objects that
    were added to the cluster and not removed. `counted` are the findings that `check --from`
    reports: each once, without consequences of others."""

    context: str
    user: str
    cluster_version: str
    podwire: str
    began: float
    ended: float
    is_private: bool
    targets: Sequence[str]
    findings: Sequence[ReportFinding]
    timeline: Sequence[ReportEntry]
    before_first: Sequence[ReportEntry]
    writes: Sequence[ReportWrite]
    left: Sequence[str]
    captures: Sequence[ReportCapture]
    notes: Sequence[str]
    counted: Sequence[Finding]

    @property
    def summary(self) -> str:
        """`2 critical, 1 warning in 3 min 20 s`."""
        found = counts_text(self.counted)
        return f"{found or 'nothing found'} in {length(self.ended - self.began)}"

    @property
    def clock(self) -> ReportClock:
        return ReportClock(len({date(at) for at in self._times() if at}) > 1)

    def _times(self) -> Iterator[float]:
        yield from (self.began, self.ended, *(one.at for one in self.writes))
        spans = ((one.since, one.until) for one in self.findings)
        lines = ((one.at, one.until) for one in (*self.timeline, *self.before_first))
        for since, until in chain(spans, lines):
            yield from (since, until or 0.0)


def number(value: float) -> str:
    """`262,144`, `3.142`: four significant digits, and never fewer than the integer part has."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def length(seconds: float) -> str:
    """`45 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else ""


def date(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d") if at else ""


def _of_day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S") if at else ""


@frozen
class ReportClock:
    """Formats times of a report, in UTC: with the date if the report spans several days."""

    has_days: bool

    def at(self, at: float) -> str:
        return f"{date(at)} {_of_day(at)}".strip() if self.has_days else _of_day(at)

    def period(self, since: float, until: float | None) -> str:
        """From when to when; the end has its date only if it is another one. One time where both
        are of the same second."""
        begin = self.at(since)
        if until is None:
            return f"{begin} to the end"
        end = _of_day(until) if date(since) == date(until) else self.at(until)
        return begin if self.at(until) == begin else f"{begin} to {end}"

    def of_entry(self, entry: ReportEntry) -> str:
        """A time, or from when to when."""
        if entry.open or entry.until is not None:
            return self.period(entry.at, entry.until)
        return self.at(entry.at)
