"""Runs a guided session: what its generator asks for is done at the target, one step after
another."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from collectors.command_runner import Runner, run
from collectors.errors import PodwireError
from collectors.events import GuideConclusion, GuideStep, PodRow
from collectors.findings import ordered
from collectors.sanitize import sanitize, sanitize_bytes
from collectors.stream import Stream
from diagnosis import rules
from diagnosis.guide import (
    AskPath,
    Conclusion,
    Goal,
    GuideSession,
    Look,
    ProbeCommand,
    ProbeResult,
    Said,
    Sent,
    Symptom,
)
from diagnosis.reachability.deliveries import PathVerdict
from diagnosis.reachability.end_names import End, EndFinder, Unknown
from diagnosis.reachability.path import ask_ends
from session.path_text import cluster_of
from session.snapshot_builder import snapshot
from session.store import Store

WAIT_S = 6.0  # what rules see must first have happened
OUTPUT_KEPT, ERROR_KEPT = 2_000, 300  # characters
Asked = ProbeCommand | Look | AskPath


@dataclass(slots=True)
class StepLine:
    """A step as it is shown: `verdict` is '' while it runs, `before` that of the run before."""

    does: str
    why: str
    verdict: str = ""
    said: str = ""
    before: str = ""


@dataclass(slots=True, kw_only=True)
class Guided:
    """A guided diagnosis that runs, or has run. Steps and conclusion go to the stream; `changed` is
    called whenever there is more to see. `runner` logs what it runs, None runs nothing."""

    store: Store
    stream: Stream
    runner: Runner | None
    key: str
    symptom: Symptom
    goal: Goal
    changed: Callable[[], None] = lambda: None
    steps: list[StepLine] = field(default_factory=list)
    conclusion: Conclusion | None = None
    began: float = 0.0
    previous: dict[str, str] = field(default_factory=dict)
    earlier: str = ""  # how the run before ended

    async def run(self) -> None:
        """To its end; cancel the task to stop it."""
        self.previous = {step.does: step.verdict for step in self.steps}
        self.earlier = self.conclusion.text if self.conclusion else ""
        self.steps, self.conclusion, self.began = [], None, time.time()
        self.conclusion = await self._converse(self.symptom.start(self.goal))
        self._publish_conclusion(self.conclusion)
        self.changed()

    async def _converse(self, session: GuideSession) -> Conclusion:
        answer: Sent = None
        while True:
            try:
                asked = session.send(answer)
            except StopIteration as end:
                conclusion: Conclusion = end.value
                return conclusion
            if isinstance(asked, Said):
                answer = None
                self._finish_step(asked)
            else:
                before = self.previous.get(asked.does, "")
                self.steps.append(StepLine(asked.does, asked.why, before=before))
                self.changed()
                answer = await self._do(asked)
            self.changed()

    def _finish_step(self, said: Said) -> None:
        step = self.steps[-1]
        step.verdict, step.said = said.verdict, said.text
        self.stream.publish(
            GuideStep(
                time.time(),
                self.key,
                symptom=self.symptom.title,
                goal=goal_text(self.goal),
                step=step.does,
                verdict=said.verdict,
                text=sanitize(said.text, OUTPUT_KEPT),
            )
        )

    def _publish_conclusion(self, conclusion: Conclusion) -> None:
        self.stream.publish(
            GuideConclusion(
                time.time(),
                self.key,
                symptom=self.symptom.title,
                goal=goal_text(self.goal),
                found=bool(conclusion.found),
                text=sanitize(conclusion.text, OUTPUT_KEPT),
                findings=tuple(conclusion.findings),
            )
        )

    async def _do(self, asked: Asked) -> Sent:
        if isinstance(asked, ProbeCommand):
            return await self._command(asked)
        if isinstance(asked, Look):
            return await self._look(asked)
        return self._path()

    async def _look(self, asked: Look) -> Sent:
        await asyncio.sleep(max(0.0, WAIT_S - (time.time() - self.began)))
        moment = snapshot(self.store, time.time())
        found = await asyncio.to_thread(rules.findings, moment)
        return ordered(finding for finding in found if finding.rule in asked.rules)

    async def _command(self, asked: ProbeCommand) -> ProbeResult:
        if self.runner is None:
            return ProbeResult(None, "", "", "nothing can be run here: no debug container")
        try:
            done = await run(self.runner, list(asked.argv), timeout=asked.seconds)
        except PodwireError as error:
            return ProbeResult(None, "", "", str(error))
        output = sanitize_bytes(done.out.strip(), OUTPUT_KEPT)
        return ProbeResult(done.code, output, sanitize(done.err, ERROR_KEPT))

    def _path(self) -> PathVerdict | None:
        kind, _, name = self.key.partition("/")
        pods = [row for row in self.store.rows("pods") if isinstance(row, PodRow)]
        source = next(
            (p for p in pods if kind == "pod" and f"{p.namespace}/{p.name}" == name), None
        )
        if source is None:
            return None
        cluster = cluster_of(self.store)
        try:
            port = str(self.goal.port or 80)
            goal = EndFinder(cluster, source.namespace).find(self.goal.host, port)
            return ask_ends(cluster, End("", source), goal, port=port, protocol="TCP")
        except Unknown:
            return None


def goal_text(goal: Goal) -> str:
    return f"{goal.host}:{goal.port or 80}" if goal.host else ""


def goal_of(text: str) -> Goal:
    """`host`, `host:port`, `[v6]:port`; ValueError where it is none."""
    text = text.strip()
    host, _, port = text.rpartition(":") if text.count(":") == 1 or "]:" in text else (text, "", "")
    host = host.strip("[]")
    if not host or " " in host or (port and not (port.isdecimal() and 0 < int(port) < 65_536)):
        raise ValueError("Name what the pod wants to reach: host, host:port, or an address.")
    return Goal(host, int(port or 0))


def suggested(store: Store, key: str) -> str:
    """What the pod has most trouble with, as far as was seen."""
    moment = snapshot(store, time.time())
    own = next((t for t in moment.targets if t.key == key), None)
    bad = [c for c in own.conversations if c.protocol == "TCP"] if own else []
    if not bad:
        return ""
    worst = max(bad, key=lambda c: (c.unanswered + c.refused + c.server_resets + c.stuck, c.flows))
    service = moment.service_by_address.get(worst.server)
    host = f"{service.name}.{service.namespace}" if service else worst.server
    return f"{host}:{worst.port}"
