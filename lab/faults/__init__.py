"""Faults as data: one TOML file each, and the engine that switches them on and off."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.network import LabError, Sandbox, run

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Step:
    """One action: a command run at `at` (`nodes` or a node's name), or an app held down or released."""

    at: str = ""
    run: tuple[str, ...] = ()
    input: str | None = None
    hold: str = ""
    release: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    name: str
    title: str
    what: str
    expect: str
    moves: tuple[str, ...]
    on: tuple[Step, ...]
    off: tuple[Step, ...]


def _steps(rows: Sequence[dict[str, Any]]) -> tuple[Step, ...]:
    return tuple(Step(**{**row, "run": tuple(row.get("run", ()))}) for row in rows)


def load(path: Path) -> Fault:
    data = tomllib.loads(path.read_text())
    return Fault(
        data["name"], data["title"], data["what"], data["expect"], tuple(data["moves"]),
        _steps(data["on"]), _steps(data["off"]),
    )  # fmt: skip


def all_faults() -> dict[str, Fault]:
    return {fault.name: fault for fault in (load(p) for p in sorted(HERE.glob("*.toml")))}


class FaultSwitch:
    """Which faults are on in a running lab."""

    def __init__(self, nodes: dict[str, Sandbox], hold: Callable[[str], None], release: Callable[[str], None]):
        self.known = all_faults()
        self.active: set[str] = set()
        self._nodes = nodes
        self._hold = hold
        self._release = release

    async def turn(self, name: str, on: bool) -> None:
        """Switch a fault; switching to the state it already has does nothing."""
        if name not in self.known:
            raise LabError(f"there is no fault named {name}; known: {', '.join(self.known)}")
        if (name in self.active) == on:
            return
        fault = self.known[name]
        for step in fault.on if on else fault.off:
            await self._do(step)
        (self.active.add if on else self.active.discard)(name)

    async def _do(self, step: Step) -> None:
        if step.hold:
            self._hold(step.hold)
        elif step.release:
            self._release(step.release)
        for name, sandbox in self._nodes.items():
            if step.run and step.at in ("nodes", name):
                await run(sandbox.inside([_argument(a) for a in step.run]), step.input)


def _argument(text: str) -> str:
    if text == "@python":
        return sys.executable
    if text.startswith("@lab/"):
        return str(HERE.parent / text.removeprefix("@lab/"))
    return text
