"""Findings over time: they appear when they have held for a moment, and clear when they are gone
for longer. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from collectors.findings import Finding, Subject, ordered

RISE_S = 3.0  # what a counter says once may be chance
CLEAR_S = 8.0  # what comes and goes within that time is one thing


@dataclass(slots=True)
class Tracked:
    """`since` it holds, `seen` last, `shown` once it has held long enough."""

    finding: Finding
    since: float
    seen: float
    shown: bool = False


class Tracker:
    def __init__(self, rise: float = RISE_S, clear: float = CLEAR_S) -> None:
        self.rise, self._clear = rise, clear
        self._known: dict[tuple[str, Subject], Tracked] = {}

    def update(self, findings: Iterable[Finding], at: float) -> tuple[list[Finding], list[Finding]]:
        """(those that appear now, those that clear now)."""
        appeared: list[Finding] = []
        cleared: list[Finding] = []
        for finding in findings:
            known = self._known.setdefault(finding.key, Tracked(finding, at, at))
            known.finding, known.seen = finding, at
            if not known.shown and at - known.since >= self.rise:
                known.shown = True
                appeared.append(finding)
        for key, known in list(self._known.items()):
            patience = self._clear if known.shown else self.rise
            if at - known.seen >= patience:
                del self._known[key]
                if known.shown:
                    cleared.append(known.finding)
        return appeared, cleared

    @property
    def current(self) -> list[Finding]:
        return ordered([known.finding for known in self._known.values() if known.shown])

    def since(self, finding: Finding) -> float:
        known = self._known.get(finding.key)
        return known.since if known else 0.0
