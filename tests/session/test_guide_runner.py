"""A guided diagnosis on the stream: each step with its verdict, and the conclusion."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from collectors.command_runner import LocalRunner, Runner, Running
from collectors.errors import ExecError
from collectors.events import CommandRun, Event, GuideConclusion, GuideStep
from collectors.stream import Stream
from diagnosis.guide import Goal, symptoms
from session.command_log import LoggedRunner
from session.guide_runner import Guided, goal_text
from session.store import Store

pytestmark = pytest.mark.slow


class NoPod:
    """A container in which nothing can be run."""

    async def start(self, argv: Sequence[str]) -> Running:
        raise ExecError("The container has ended.")


async def guided(runner: Runner | None) -> tuple[Guided, list[Event]]:
    stream = Stream()
    subscription = stream.subscribe(100, "test")
    symptom = next(one for one in symptoms() if one.needs_goal)
    logged = LoggedRunner(runner, stream, "pod/shop/web-1", "guide") if runner else None
    session = Guided(
        store=Store(),
        stream=stream,
        runner=logged,
        key="pod/shop/web-1",
        symptom=symptom,
        goal=Goal("127.0.0.1", 9),
    )
    session.began = time.time() - 60  # nothing has to be waited for
    await session.run()
    return session, subscription.pending()


async def test_steps_and_conclusion_are_events_in_their_order() -> None:
    session, seen = await guided(LocalRunner())
    steps = [event for event in seen if isinstance(event, GuideStep)]
    assert [step.step for step in steps] == [line.does for line in session.steps if line.verdict]
    assert {step.goal for step in steps} == {"127.0.0.1:9"}
    conclusion = seen[-1]
    assert isinstance(conclusion, GuideConclusion) and session.conclusion is not None
    assert conclusion.text == session.conclusion.text
    assert any(isinstance(event, CommandRun) for event in seen)


async def test_a_pod_in_which_nothing_runs_is_said() -> None:
    _, seen = await guided(NoPod())
    commands = [event for event in seen if isinstance(event, CommandRun)]
    assert commands and all(one.error == "The container has ended." for one in commands)
    assert isinstance(seen[-1], GuideConclusion)


def test_a_goal_as_text() -> None:
    assert (goal_text(Goal("")), goal_text(Goal("db")), goal_text(Goal("db", 5432))) == (
        "",
        "db:80",
        "db:5432",
    )
