"""Runs a guided session: what its generator asks for is done at the target, one step after
another."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from collectors.command_runner import CommandResult, Runner, run
from collectors.errors import PodwireError
from collectors.events import GuideConclusion, GuideStep, PodRow
from collectors.findings import ordered
from collectors.sanitize import sanitize, sanitize_bytes
from collectors.stream import Stream
from collectors.target import pod_key
from diagnosis import rules
from diagnosis.guide import (
    AskPath,
    Conclusion,
    Goal,
    GuideSession,
    Look,
    Looked,
    ProbeCommand,
    ProbeResult,
    Said,
    Sent,
    Symptom,
)
from diagnosis.reachability.deliveries import PathVerdict
from diagnosis.reachability.end_names import End, EndFinder
from diagnosis.reachability.path import ask_ends
from diagnosis.reachability.written_ends import Unknown
from diagnosis.snapshot import Conversation, Snapshot
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
        self._begin_again()
        self.conclusion = await self._converse(self.symptom.start(self.goal))
        self._publish_conclusion(self.conclusion)
        self.changed()

    def _begin_again(self) -> None:
        """What the run before found is kept, to be compared with."""
        self.previous = {step.does: step.verdict for step in self.steps}
        self.earlier = self.conclusion.text if self.conclusion else ""
        self.steps, self.conclusion, self.began = [], None, time.time()

    async def _converse(self, session: GuideSession) -> Conclusion:
        answer: Sent = None
        while True:
            try:
                asked = session.send(answer)
            except StopIteration as end:
                conclusion: Conclusion = end.value
                return conclusion
            answer = await self._answer(asked)
            self.changed()

    async def _answer(self, asked: Asked | Said) -> Sent:
        if isinstance(asked, Said):
            self._finish_step(asked)
            return None
        before = self.previous.get(asked.does, "")
        self.steps.append(StepLine(asked.does, asked.why, before=before))
        self.changed()
        return await self._do(asked)

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
        await self._wait_for_evidence()
        moment = snapshot(self.store, time.time())
        found = await asyncio.to_thread(rules.findings, moment)
        chosen = ordered(finding for finding in found if finding.rule in asked.rules)
        return Looked(tuple(chosen), tuple(rules.unseen(asked.rules, moment.blind)))

    async def _wait_for_evidence(self) -> None:
        await asyncio.sleep(max(0.0, WAIT_S - (time.time() - self.began)))

    async def _command(self, asked: ProbeCommand) -> ProbeResult:
        if self.runner is None:
            return ProbeResult(None, "", "", "nothing can be run here: no debug container")
        try:
            return _result(await run(self.runner, list(asked.argv), timeout=asked.seconds))
        except PodwireError as error:
            return ProbeResult(None, "", "", str(error))

    def _path(self) -> PathVerdict | None:
        source = self._source()
        if source is None:
            return None
        cluster = cluster_of(self.store)
        port = str(self.goal.port or 80)
        try:
            goal = EndFinder(cluster, source.namespace).find(self.goal.host, port)
            return ask_ends(cluster, End("", source), goal, port=port, protocol="TCP")
        except Unknown:
            return None

    def _source(self) -> PodRow | None:
        """The pod that the session is about."""
        return next(
            (pod for pod in self.store.pods() if pod_key(pod.namespace, pod.name) == self.key), None
        )


def _result(done: CommandResult) -> ProbeResult:
    output = sanitize_bytes(done.out.strip(), OUTPUT_KEPT)
    return ProbeResult(done.code, output, sanitize(done.err, ERROR_KEPT))


def goal_text(goal: Goal) -> str:
    return f"{goal.host}:{goal.port or 80}" if goal.host else ""


def goal_of(text: str) -> Goal:
    """`host`, `host:port`, `[v6]:port`; ValueError where it is none."""
    host, port = _host_and_port(text.strip())
    if not host or " " in host or (port and not _is_port(port)):
        raise ValueError("Name what the pod wants to reach: host, host:port, or an address.")
    return Goal(host, int(port or 0))


def _host_and_port(text: str) -> tuple[str, str]:
    """The port is '' where none is given."""
    host, port = text, ""
    if _has_port(text):
        host, _, port = text.rpartition(":")
    return host.strip("[]"), port


def _has_port(text: str) -> bool:
    """An IPv6 address has several colons, and no port unless it is in brackets."""
    return text.count(":") == 1 or "]:" in text


def _is_port(text: str) -> bool:
    return text.isdecimal() and 0 < int(text) < 65_536


def suggested(store: Store, key: str) -> str:
    """What the pod has most trouble with, as far as was seen."""
    moment = snapshot(store, time.time())
    worst = max(_tcp_of(moment, key), key=_trouble, default=None)
    return f"{_name_of(moment, worst.server)}:{worst.port}" if worst else ""


def _tcp_of(moment: Snapshot, key: str) -> list[Conversation]:
    own = next((target for target in moment.targets if target.key == key), None)
    return [one for one in own.conversations if one.protocol == "TCP"] if own else []


def _trouble(one: Conversation) -> tuple[int, int]:
    """How many connections had trouble, and of how many."""
    return one.unanswered + one.refused + one.server_resets + one.stuck, one.flows


def _name_of(moment: Snapshot, address: str) -> str:
    service = moment.service_by_address.get(address)
    return f"{service.name}.{service.namespace}" if service else address
