"""Random keys on all screens: esc leads back to the first screen, no dialog opens twice, nothing crashes.

450 steps; PODWIRE_RANDOM_KEYS=10000 for more of each kind, PODWIRE_RANDOM_SEED for others.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.screen import ModalScreen

from collectors.errors import ClusterError
from collectors.events import NodeRow, PodRow
from collectors.target import Target
from session.controller import Controller
from session.targets import target_of
from tests.support.replay import opened, replayed
from tui.actions import ACTIONS
from tui.app import PodwireApp
from tui.screens.cluster import ClusterScreen
from tui.screens.target import TargetScreen

STEPS = int(os.environ.get("PODWIRE_RANDOM_KEYS", "150"))  # of each kind
SEED = int(os.environ.get("PODWIRE_RANDOM_SEED", "1"))
ROUND = 25  # keys between two checks that esc leads back
# Those end the console, or are the terminal's.
LEAVING = {"ctrl+c"}
KEYS = sorted(
    {key for action in ACTIONS for key in action.key.split(",")} - LEAVING
    | {"y", "n", "h", "tab", "shift+tab", "ctrl+p", "backspace", "0", "exclamation_mark"}
)
OFTEN = ("enter", "down", "escape", "d", "question_mark", "q", "right_square_bracket")
OF_TARGET = sorted(key for a in ACTIONS if a.where == "target" for key in a.key.split(","))
SIZES = ((80, 24), (120, 40), (200, 50))
SMALLEST, LARGEST = (1, 1), (240, 70)  # of a terminal whose size changes all the time


async def no_answer(*arguments: object) -> None:
    raise ClusterError("The API server does not answer.")


async def faults() -> list[dict[str, object]]:
    names = {"what": "Drops packets.", "expect": "retransmissions", "moves": {}, "on": False}
    return [{"name": f"fault-{n}", "title": f"Fault {n}"} | names for n in range(30)]


@dataclass
class Walk:
    """What was pressed since the start, and which screens it met."""

    app: PodwireApp
    pilot: Pilot[int]
    pressed: list[str] = field(default_factory=list)
    met: Counter[str] = field(default_factory=Counter)

    def where(self) -> str:
        stack = " > ".join(type(screen).__name__ for screen in self.app.screen_stack)
        return f"after {' '.join(self.pressed[-40:])}: {stack}"

    async def press(self, key: str) -> None:
        self.pressed.append(key)
        await self.pilot.press(key)
        await self.pilot.pause()
        assert self.app.is_running, self.where()
        assert self.app._exception is None, self.where()
        self.met[type(self.app.screen).__name__] += 1
        shown = [type(s) for s in self.app.screen_stack if isinstance(s, ModalScreen)]
        assert len(shown) == len(set(shown)), self.where()
        assert len({id(s) for s in self.app.screen_stack}) == len(self.app.screen_stack)

    async def back(self) -> None:
        """Each screen needs esc once, and once for a filter, a text box, or a run that it has."""
        limit = 3 * len(self.app.screen_stack)
        for _ in range(limit):
            if isinstance(self.app.screen, ClusterScreen):
                break
            await self.press("escape")
        assert isinstance(self.app.screen, ClusterScreen), self.where()
        await self.press("escape")
        assert self.app.screen.text == "", self.where()


class NoCluster:
    """In place of the cluster's side: it refuses everything but to list the lab's faults."""

    faults = staticmethod(faults)
    turn_fault = plan = plan_beside = clean = staticmethod(no_answer)


def quiet(control: Controller, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing runs on this machine or asks a server, and a capture seems to run."""

    def seen(row: PodRow | NodeRow, offer: object = None) -> Target:
        return target_of(row)

    node = next(key for key in control.store.targets if key.startswith("node/"))
    for part, replaced in (
        (control, {"require_cluster": NoCluster}),
        (
            control.targets,
            {
                "watch_pod": seen,
                "watch_node": lambda name, offer=None: Target("node", name),
                "watch_this_machine": lambda: node,
                "count_conntrack": lambda key: None,
            },
        ),
        (
            control.captures,
            {
                "is_running": lambda key: True,
                "any_running": lambda: True,
                "start": lambda key, expression: None,
                "stop": no_answer,
                "save": no_answer,
            },
        ),
    ):
        for name, value in replaced.items():
            monkeypatch.setattr(part, name, value)


def any_size(choose: random.Random) -> tuple[int, int]:
    width, height = (
        choose.randint(least, most) for least, most in zip(SMALLEST, LARGEST, strict=True)
    )
    return width, height


# the lab asks nothing before it attaches; `resized` is a cluster on a terminal of changing size
@pytest.mark.parametrize("kind", ["lab", "cluster", "resized"])
async def test_random_keys(
    recording: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    choose = random.Random(f"{SEED} {kind}")
    _, control = replayed(recording, is_lab=kind == "lab")
    quiet(control, monkeypatch)
    app = opened(control, "")
    monkeypatch.setattr(app, "exit", lambda *arguments, **options: None)  # y on the question
    async with app.run_test(size=SIZES[1]) as pilot:
        await pilot.pause(0.5)
        control.live = kind != "lab"
        app.contexts = lambda: ["dev", "lab"]
        walk = Walk(app, pilot)
        for step in range(STEPS):
            if kind == "resized" and choose.random() < 0.3:
                await pilot.resize_terminal(*any_size(choose))
            usual = OF_TARGET if isinstance(app.screen, TargetScreen) else ("enter", "L", "j")
            await walk.press(choose.choice(choose.choice((OFTEN, KEYS, usual))))
            if step % ROUND == ROUND - 1:
                await walk.back()
                await pilot.resize_terminal(*choose.choice(SIZES))
        await walk.back()
    assert len(walk.met) >= 5, walk.met
