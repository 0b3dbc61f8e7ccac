"""Faults as data: one TOML file each, read by the lab, by the tests and by the documentation.

A file says what the fault does (`what`), what can be seen (`expect`), which counters grow where
(`moves`), what a diagnosis must find (`find`) and by which rules (`rules`: one of them; `also`:
those that may find its consequences), which of the lab's health checks may fail meanwhile
(`breaks`), how a plain client proves it (`[[probe]]`), and the steps that switch it `[[on]]`. What
is applied, started, set or held is undone by itself, in reverse; only commands that are `run` need
an `[[off]]` step.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FaultStep:
    """One action. `at` is where a command runs: `nodes`, a node's name, or `namespace/app` with or
    without `@node`.

    `run` a command to its end, `start` one that goes on until the fault is off; `hold` an app down;
    `mode` sets how the programs `of` an app behave; `proxy` switches parts of kube-proxy off or on;
    `apply` creates or patches objects (YAML); `delete` the pods of an app; `wait` until the pods of
    an app are ready; `throttle` the CPU of a node's pods; `stop` the programs of an app; `pause`.
    """

    at: str = ""
    run: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    input: str | None = None
    hold: str = ""
    mode: str = ""
    of: str = ""
    proxy: dict[str, bool] = field(default_factory=dict)
    apply: str = ""
    delete: str = ""
    wait: str = ""
    throttle: str = ""
    stop: str = ""
    pause: float = 0.0  # seconds


@dataclass(frozen=True, slots=True)
class Probe:
    """A plain client (lab/probe.py) and what it says while all is well and while the fault is on
    (expressions).

    `healthy` is empty where the client's pod is there only while the fault is on.
    """

    at: str
    run: tuple[str, ...]
    healthy: str
    faulty: str


@dataclass(frozen=True, slots=True)
class Fault:
    name: str
    title: str
    what: str
    expect: str
    find: str
    rules: tuple[str, ...]  # ids of the diagnosis: the lab does not know more of them
    also: tuple[str, ...]
    moves: dict[str, list[str]]
    breaks: tuple[str, ...]
    probes: tuple[Probe, ...]
    on: tuple[FaultStep, ...]
    off: tuple[FaultStep, ...]


def _steps(rows: Sequence[Object]) -> tuple[FaultStep, ...]:
    return tuple(FaultStep(**_with_tuples(row, "run", "start")) for row in rows)


def _with_tuples(row: Object, *keys: str) -> Object:
    """A table whose commands cannot be changed."""
    return {**row, **{key: tuple(row[key]) for key in keys if key in row}}


# what works in a healthy lab: (where, plain client); each must answer `ok` to every try
HEALTH_CHECKS = {
    "dns": ("shop/search", ("dns", "backend.shop.svc.cluster.local", "3")),
    "backend": ("shop/frontend@node1", ("http", "backend", "80", "/", "6")),
    "catalog": ("shop/checkout", ("http", "catalog", "80", "/", "6")),
    "overlay": ("shop/frontend@node1", ("http", "{shop/backend@node2}", "8080", "/large", "3")),
    "node port": ("outside", ("http", "10.0.77.12", "30080", "/", "3")),
}

TEXTS = ("name", "title", "what", "expect", "find")
NEEDED = (*TEXTS, "rules", "probe", "on")
KEYS = (*NEEDED, "also", "moves", "breaks", "off")
STEP_KEYS = tuple(one.name for one in fields(FaultStep))
PROBE_KEYS = tuple(one.name for one in fields(Probe))


def file_problems(stem: str, data: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each key, word or name in a fault's file (STEM.toml) that cannot be right."""
    for key in NEEDED:
        if not data.get(key):
            yield f"{key!r} is missing or empty."
    if data.get("name") not in (None, stem):
        yield f"the name {data['name']!r} is not the file's, {stem!r}."
    yield from _unknown("the key", data, KEYS)
    yield from _unknown("breaks:", data.get("breaks", ()), HEALTH_CHECKS)
    for probe in data.get("probe", ()):
        yield from _unknown("[[probe]]: the key", probe, PROBE_KEYS)
        yield from (f"[[probe]]: {key!r} is missing." for key in PROBE_KEYS if key not in probe)
    for kind in ("on", "off"):
        for step in data.get(kind, ()):
            yield from _unknown(f"[[{kind}]]: the key", step, STEP_KEYS)


def _unknown(what: str, names: Collection[str], known: Collection[str]) -> Iterator[str]:
    for name in names:
        if name not in known:
            close = get_close_matches(name, known, 1)
            meant = f" Is {close[0]!r} meant?" if close else f" There are {', '.join(known)}."
            yield f"{what} {name!r} is not known.{meant}"


class FaultFileError(ValueError):
    """What is wrong with the file of a fault, in sentences."""


def load(path: Path) -> Fault:
    """FaultFileError, with a sentence for each thing that is wrong with the file."""
    data = tomllib.loads(path.read_text())
    if wrong := [f"lab/faults/{path.name}: {text}" for text in file_problems(path.stem, data)]:
        raise FaultFileError("\n".join(wrong))
    return Fault(
        **{key: data[key] for key in TEXTS},
        rules=tuple(data["rules"]),
        also=tuple(data.get("also", ())),
        moves=data.get("moves", {}),
        breaks=tuple(data.get("breaks", ())),
        probes=tuple(Probe(**_with_tuples(row, "run")) for row in data["probe"]),
        on=_steps(data["on"]),
        off=_steps(data.get("off", ())),
    )


def all_faults() -> dict[str, Fault]:
    return {fault.name: fault for fault in (load(p) for p in sorted(HERE.glob("*.toml")))}
