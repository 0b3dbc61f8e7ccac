"""Findings as the session goes: every two seconds what is known is looked at, in a thread; what appears, changes and
clears is kept for the screens and told on the stream."""

from __future__ import annotations

import asyncio
import time
from importlib import import_module

from collectors.events import FindingState
from collectors.findings import Finding
from collectors.stream import Stream
from diagnosis.tracker import Tracker
from session.store import Store

EVERY_S = 2.0


class DiagnosisLoop:
    """`current` is what holds now, the worst first; `revision` changes with it."""

    def __init__(self, store: Store, session: Stream) -> None:
        self.store = store
        self.session = session
        self.budget_ms: float | None = None
        self.current: list[Finding] = []
        self.revision = 0
        self._tracker = Tracker()

    def since(self, finding: Finding) -> float:
        return self._tracker.since(finding)

    async def run(self, live: bool) -> None:
        """Until cancelled. What is recorded does not move: it is looked at as it is."""
        if not live:
            self._tracker = Tracker(rise=0.0)
        while True:
            await self.look(time.time() if live else self.store.latest)
            await asyncio.sleep(EVERY_S)

    async def look(self, at: float) -> None:
        rules = await asyncio.to_thread(import_module, "diagnosis.rules")  # slow, the first time
        from session.snapshot_builder import gathered

        moment = await gathered(self.store, at, self.budget_ms)
        found = await asyncio.to_thread(rules.findings, moment)
        appeared, cleared = self._tracker.update(found, at)
        for finding in appeared:
            self._tell(at, finding, "appeared")
        for finding in cleared:
            self._tell(at, finding, "cleared")
        if (current := self._tracker.current) != self.current:
            self.current = current
            self.revision += 1

    def _tell(self, at: float, finding: Finding, state: str) -> None:
        self.session.publish(
            FindingState(
                at=at,
                target="",
                rule=finding.rule,
                severity=finding.severity,
                where=finding.where,
                title=finding.title,
                state=state,
            )
        )

    @property
    def headline(self) -> tuple[str, str]:
        """(`2 critical, 1 warning`, the mood of it); ('', '') where nothing is wrong."""
        counts = {
            kind: sum(f.severity == kind for f in self.current) for kind in ("critical", "warning")
        }
        words = {
            "critical": "critical",
            "warning": "warnings" if counts["warning"] > 1 else "warning",
        }
        told = ", ".join(f"{count} {words[kind]}" for kind, count in counts.items() if count)
        return told, "bad" if counts["critical"] else "warn"
