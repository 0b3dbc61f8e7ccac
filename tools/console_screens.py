"""Every screen of the console, and how it is come to: from the recording of `podwire demo`, and
from a cluster that is made up, for what a recording has not (questions, empty lists)."""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from textual.pilot import Pilot
from textual.widgets import Input

from cli.config import Config
from cli.console_session import DEMO, ConsoleSession
from cli.recorder import Recorders
from collectors import events as ev
from collectors.cluster.attach.container_specs import ACCESS_LEVELS, debug_container
from collectors.cluster.attach.planner import Offer, Plan
from collectors.cluster.attach.settings import AttachSettings
from collectors.frozen import frozen
from collectors.stream import Stream
from collectors.target import Target, node_target
from lab.faults import all_faults
from session.controller import Controller
from session.share.person import Person, ScreenLook
from session.store import Store
from tui.app import OpenConsole, PodwireApp
from tui.look import TerminalLook

AT = "17:20:16"  # of the recording, UTC: while the table is full
BEGAN = 1_767_225_600.0
OPENED_S, PAUSE_S = 60.0, 0.4
Keys = tuple[str, ...]
Size = tuple[int, int]  # columns, lines


@frozen
class Screenful:
    """`keys` lead to it from where its group begins, `undo` leads to where esc leads back."""

    keys: Keys = ()
    undo: Keys = ()


OF_CLUSTER = {
    "pods": Screenful(),
    "nodes": Screenful(("2",), ("1",)),
    "services": Screenful(("3",), ("1",)),
    "filter": Screenful(("slash", *"front")),
    "no-match": Screenful(("slash", *"xyz")),
    "path-source": Screenful(("b",), ("escape",)),
    "path": Screenful(("b", "down", "down", "b")),
    "matrix": Screenful(("M",)),
    "matrix-cell": Screenful(("M", "enter")),
    "permissions": Screenful(("p",)),
    "command": Screenful(("colon",)),
    "command-typed": Screenful(("colon", "n")),
    "menu": Screenful(("ctrl+p",)),
    "help": Screenful(("question_mark",)),
}
OF_TARGET = {
    "packets": Screenful(("1",)),
    "packets-paused": Screenful(("1", "space"), ("space",)),
    "flows": Screenful(("2",)),
    "flows-no-match": Screenful(("2", "slash", *"xyz", "enter"), ("escape",)),
    "flow": Screenful(("2", "enter")),
    "dns": Screenful(("3",)),
    "sockets": Screenful(("4",)),
    "peers": Screenful(("4", "p"), ("p",)),
    "peer": Screenful(("4", "p", "enter"), ("escape", "p")),
    "counters": Screenful(("5",)),
    "counter": Screenful(("5", "enter")),
    "conntrack": Screenful(("6",)),
    "node": Screenful(("7",)),
    "events": Screenful(("8",)),
    "filter": Screenful(("2", "slash")),
    "graphs": Screenful(("z", "z"), ("z",)),
    "list": Screenful(("z",), ("z", "z")),
    "back-in-time": Screenful(("left",), ("right",)),
    "policy": Screenful(("y",)),
    "findings": Screenful(("d",)),
    "finding": Screenful(("d", "enter")),
    "timeline": Screenful(("t",)),
    "mark": Screenful(("asterisk",)),
    "go-to": Screenful(("at",)),
    "help": Screenful(("question_mark",)),
    "message": Screenful(("Y",)),
}
MADE_UP = {
    "permissions": Screenful(("p",)),
    "attach-refused": Screenful(("enter",)),
    "attach": Screenful(("down", "enter"), ("up",)),
    "leave": Screenful(("q",)),
    "services-empty": Screenful(("3",), ("1",)),
    "findings-empty": Screenful(("d",)),
    "timeline-empty": Screenful(("t",)),
    "people": Screenful(("W",)),
    "matrix-empty": Screenful(("M",)),
}
OF_LAB = {
    "faults": Screenful(("f",)),
    "faults-no-match": Screenful(("f", *"xyz"), ("escape",)),
}
EMPTY = {
    "packets": Screenful(("1",)),
    "flows": Screenful(("2",)),
    "dns": Screenful(("3",)),
    "sockets": Screenful(("4",)),
    "counters": Screenful(("5",)),
    "conntrack": Screenful(("6",)),
    "node": Screenful(("7",)),
    "events": Screenful(("8",)),
    "guide": Screenful(("e",)),
    "guide-goal": Screenful(("e", "enter")),
    "not-pinned": Screenful(("5", "m")),
}


# --- the recorded incident


class _Opened:
    """What its opening has made, once it is there."""

    def __init__(self) -> None:
        self.sessions: list[ConsoleSession] = []
        self.options = argparse.Namespace(
            command="replay", file=DEMO, rules="recorded", at=AT, no_capture=True
        )

    async def open(self) -> OpenConsole:
        session = ConsoleSession(self.options, Recorders(self.options, Config()))
        self.sessions.append(session)
        return OpenConsole(session.control, await session.open(None, None))

    def is_there(self) -> bool:
        return bool(self.sessions) and bool(self.sessions[0].store.findings.spans)


@asynccontextmanager
async def recorded(look: TerminalLook, size: Size) -> AsyncIterator[Pilot[int]]:
    """The console on it, at its first target."""
    opened = _Opened()
    app = PodwireApp(opened.open, "a recorded incident", look)
    with contextlib.ExitStack() as places:
        async with app.run_test(size=size, notifications=True) as pilot:
            until = time.monotonic() + OPENED_S
            while not opened.is_there():
                if time.monotonic() > until:
                    raise SystemExit("The recording was not opened in time.")
                await pilot.pause(PAUSE_S)
            places.push(opened.sessions[0].places)
            await pilot.pause(PAUSE_S)
            yield pilot


@asynccontextmanager
async def recorded_lists(look: TerminalLook, size: Size) -> AsyncIterator[Pilot[int]]:
    """The same, at the cluster's lists."""
    async with recorded(look, size) as pilot:
        await pilot.press("escape")
        await pilot.pause(PAUSE_S)
        yield pilot


# --- the cluster that is made up


WEB = ev.PodRow("shop", "web-6d5f7c9b8-x2x9z", "u1", "n1", "10.1.0.5", "Running", "1/1", 0, BEGAN)
API = ev.PodRow("shop", "api-5b8f9d7c6-k4m2p", "u2", "n2", "10.2.0.5", "Running", "0/1", 7, BEGAN)
NODES = tuple(
    ev.NodeRow(name, f"192.168.0.{number}", "a", True, "linux", "amd64")
    for number, name in enumerate(("n1", "n2"), 1)
)
RIGHTS = (
    ev.AccessRow("list pods", ("get", "list", "watch"), "pods", "", "", ()),
    ev.AccessRow(
        "add a debug container", ("patch",), "pods/ephemeralcontainers", "", "shop", ("patch",)
    ),
)
PEOPLE = (
    Person("alice", 0, BEGAN, ScreenLook("target", "pod/shop/web-6d5f7c9b8-x2x9z", "flows")),
    Person("bob", 4_211, BEGAN + 65, ScreenLook("findings"), drives=True, number=1),
)
CLUSTER: tuple[ev.Event, ...] = (
    ev.SessionStart(BEGAN, "", "prod", "alice", "shop", "v1.36"),
    ev.InventoryList(BEGAN, "", "pods", (API, WEB)),
    ev.InventoryList(BEGAN, "", "nodes", NODES),
    ev.InventoryList(BEGAN, "", "services", ()),
    ev.InventoryList(BEGAN, "", "namespaces", (ev.NamespaceRow("shop"),)),
    ev.AccessReview(BEGAN, "", "shop", RIGHTS),
)
OPEN = ev.TargetState(BEGAN, f"pod/shop/{WEB.name}", "live")


def _fault_rows() -> list[dict[str, Any]]:
    names = ("name", "title", "what", "expect", "moves")
    return [
        {name: getattr(fault, name) for name in names} | {"on": number == 2}
        for number, fault in enumerate(all_faults().values())
    ]


@frozen
class _MadeUpCluster:
    """In place of the cluster's side: what is asked before something is added, and the lab's
    faults. Nothing can be added to the pod that is not ready."""

    settings: AttachSettings = field(default_factory=AttachSettings)

    async def plan(self, target: Target) -> Plan:
        if target.name == API.name:
            return Plan(target, refusals=("The user alice cannot patch pods/ephemeralcontainers.",))
        level = ACCESS_LEVELS[0]
        spec = debug_container(level, self.settings.image, self.settings.pull_policy)
        manifest = {"spec": {"ephemeralContainers": [spec]}}
        where = (target.namespace, target.name, "podwire-x1")
        return Plan(target, Offer(target, "add", level.name, level.cost, *where, manifest=manifest))

    async def plan_beside(self, target: Target) -> Plan:
        return Plan(
            node_target(target.node), refusals=("The user alice cannot create pods in podwire.",)
        )

    async def faults(self) -> list[dict[str, Any]]:
        return _fault_rows()


def _replace(part: object, **values: object) -> None:
    for name, value in values.items():
        setattr(part, name, value)


@asynccontextmanager
async def _made_up(
    look: TerminalLook, size: Size, first: str, events: Iterable[ev.Event], live: bool = False
) -> AsyncIterator[Pilot[int]]:
    control = Controller(store := Store(), Stream())
    control.live, control.diagnosis.time_passes = live, False
    store.apply_all(iter(events))
    _replace(control, require_cluster=_MadeUpCluster, now=lambda: BEGAN + 90)

    async def opening() -> OpenConsole:
        control.painted.clear()
        control.start()
        return OpenConsole(control, first)

    app = PodwireApp(opening, "prod", look)
    app.control = control
    async with app.run_test(size=size, notifications=True) as pilot:
        await pilot.pause(1.0)
        yield pilot


@asynccontextmanager
async def made_up_lists(look: TerminalLook, size: Size) -> AsyncIterator[Pilot[int]]:
    """Its lists. A capture seems to run, and two people are there."""
    async with _made_up(look, size, "", CLUSTER) as pilot:
        control = cast(PodwireApp, pilot.app).control
        share = SimpleNamespace(
            people=list(PEOPLE),
            path=Path("20260101T000000-4100.sock"),
            refused=0,
            last_refusal="",
            look=ScreenLook(),
            group="",
        )
        _replace(control, live=True)
        _replace(control.captures, any_running=lambda: True)
        _replace(control.sharing, share=share)
        yield pilot


@asynccontextmanager
async def made_up_lab(look: TerminalLook, size: Size) -> AsyncIterator[Pilot[int]]:
    """As if it were the lab."""
    async with _made_up(look, size, "", CLUSTER) as pilot:
        _replace(cast(PodwireApp, pilot.app).control, is_lab=True)
        yield pilot


@asynccontextmanager
async def made_up_target(look: TerminalLook, size: Size) -> AsyncIterator[Pilot[int]]:
    """A pod of which nothing is known yet."""
    async with _made_up(look, size, OPEN.target, (*CLUSTER, OPEN), live=True) as pilot:
        yield pilot


Opening = Callable[[TerminalLook, Size], contextlib.AbstractAsyncContextManager[Pilot[int]]]
GROUPS: dict[str, tuple[Opening, dict[str, Screenful]]] = {
    "cluster": (recorded_lists, OF_CLUSTER),
    "target": (recorded, OF_TARGET),
    "live": (made_up_lists, MADE_UP),
    "lab": (made_up_lab, OF_LAB),
    "empty": (made_up_target, EMPTY),
}


# --- walking through them


async def every_screen(
    group: str, look: TerminalLook, size: Size
) -> AsyncIterator[tuple[str, Pilot[int]]]:
    """Each screen of a group once, by its name; esc leads back."""
    opening, screens = GROUPS[group]
    async with opening(look, size) as pilot:
        depth = len(pilot.app.screen_stack)
        for name, screen in screens.items():
            await _press(pilot, screen.keys)
            yield f"{group}-{name}", pilot
            await _press(pilot, screen.undo)
            await _back(pilot, depth)


async def _press(pilot: Pilot[int], keys: Keys) -> None:
    for key in keys:
        await pilot.press(key)
        await pilot.pause(0.1)
    await pilot.pause(PAUSE_S)


async def _back(pilot: Pilot[int], depth: int) -> None:
    app = pilot.app
    for _ in range(12):
        if len(app.screen_stack) <= depth and not isinstance(app.focused, Input):
            break
        await pilot.press("escape")
        await pilot.pause(0.1)
    app.clear_notifications()
    await pilot.pause(0.1)
