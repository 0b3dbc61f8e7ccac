"""Findings over the session, folded from their events: what holds now, and what held from when to
when."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field

from collectors.events import FindingEvent
from collectors.findings import Finding, Subject, counts_text, ordered, stronger
from session.wall_clock import wall_clock

KEPT = 1_000  # spans that are over
# a number by itself: none of a name, an address or a port
FIGURE = re.compile(r"(?<![\w.:/-])\d+(?:,\d{3})*(?:\.\d+)?(?![\w.:/-])")

Key = tuple[str, Subject]


@dataclass(slots=True)
class FindingSpan:
    """A finding with its latest evidence, and at its `worst`, from `since` to `until`; None where
    it still holds. `consequences` are all that it explained at any time, the latest text by what
    they are of. `is_ahead`: it is shown from its beginning, and said later, by its event."""

    finding: Finding
    since: float
    until: float | None = None
    is_ahead: bool = False
    consequences: dict[str, str] = field(default_factory=dict)
    worst: Finding = field(init=False)

    def __post_init__(self) -> None:
        self.worst = self.finding

    def note(self, finding: Finding) -> None:
        self.worst = stronger(self.worst, finding)
        self.explain(*finding.consequences)

    def explain(self, *texts: str) -> None:
        self.consequences.update((text.partition(": ")[0], text) for text in texts)


class FindingHistory:
    """`revision` changes with what holds. What holds at `known_from` may have begun earlier: nobody
    has looked at the time before."""

    def __init__(self) -> None:
        self.revision = 0
        self.known_from = 0.0
        self._holding: dict[Key, FindingSpan] = {}
        self._over: deque[FindingSpan] = deque(maxlen=KEPT)

    def apply(self, event: FindingEvent) -> str:
        """Fold an event; returns the line for the log, '' where only figures changed."""
        self.revision += 1
        finding, key = event.finding, event.finding.key
        span = self._holding.get(key)
        if event.change == "gone":
            return self._end(key, finding, event)
        if span is None:
            span = self._begin(event)
            return "" if self.is_earlier(span) else _line("appeared", finding)
        span.note(finding)
        if span.is_ahead:
            span.is_ahead = False
            return _line("appeared", finding)
        before, span.finding = span.finding, finding
        return "" if _said(before) == _said(finding) else _line("changed", finding)

    def _begin(self, event: FindingEvent) -> FindingSpan:
        finding = event.finding
        span = self._holding[finding.key] = FindingSpan(finding, event.since or event.at)
        span.note(finding)
        return span

    def show_ahead(self, event: FindingEvent) -> None:
        """What holds already, and is said later, as a replay knows."""
        self.revision += 1
        self._begin(event).is_ahead = True

    def _end(self, key: Key, finding: Finding, event: FindingEvent) -> str:
        span = self._holding.pop(key, None) or FindingSpan(finding, event.since or event.at)
        span.until = event.at
        self._over.append(span)
        return _line("gone", finding)

    def explain(self, key: Key, text: str) -> bool:
        """What a finding that holds explains, in place of its recording; False where none of that
        key holds."""
        span = self._holding.get(key)
        if span is not None:
            span.explain(text)
        return span is not None

    @property
    def current(self) -> list[Finding]:
        """What holds now, the worst first."""
        return ordered(span.finding for span in self._holding.values())

    @property
    def spans(self) -> list[FindingSpan]:
        """All of them, by when they began."""
        return sorted([*self._over, *self._holding.values()], key=lambda span: span.since)

    def since(self, finding: Finding) -> float:
        """When it began to hold; 0 where it does not."""
        span = self._holding.get(finding.key)
        return span.since if span is not None else 0.0

    def is_earlier(self, span: FindingSpan) -> bool:
        """Whether it began at a time that is not known, before its `since`."""
        return span.since <= self.known_from

    def since_text(self, finding: Finding, beside: float = 0.0) -> str:
        """`14:03:20`, or `before 14:03:20`; local time, with the date where that is not the day of
        `beside`."""
        span = self._holding.get(finding.key)
        if span is None:
            return ""
        at = wall_clock(span.since, beside=beside)
        return f"before {at}" if self.is_earlier(span) else at

    @property
    def headline(self) -> tuple[str, str]:
        """(`2 critical, 1 warning`, the mood of it); ('', '') where nothing is wrong."""
        grave = [one for one in self.current if one.severity != "info"]
        is_bad = any(one.severity == "critical" for one in grave)
        return counts_text(grave), "bad" if is_bad else "warn"


def _said(finding: Finding) -> tuple[str, str]:
    """What it says apart from its figures, which move at each look."""
    return finding.severity, FIGURE.sub("", finding.title)


def _line(change: str, finding: Finding) -> str:
    return f"{change}: {finding.where}: {finding.title}"
