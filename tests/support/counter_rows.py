"""What is wrong with a row of the table of counters, in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import get_args

from collectors.kernel.counters import Scope, describe
from diagnosis.edit_distance import near

RECORDED = Path(__file__).parent.parent / "data" / "kernel_counters.txt"
COLUMNS = 5
UNITS = frozenset(
    [
        "bytes",
        "buckets",
        "connections",
        "cookies",
        "datagrams",
        "entries",
        "events",
        "fragments",
        "lookups",
        "messages",
        "microseconds",
        "packets",
        "pages",
        "port",
        "segments",
        "sockets",
        "ticks",
    ]
)
CONNTRACK_COLUMNS = ("conntrack_clashres", "conntrack_icmp_error")  # by lab/probe.py
SCOPES = {  # of all that a file holds (docs/reference/counters.md)
    "/proc/net/snmp": "netns",
    "/proc/net/netstat": "netns",
    "/proc/net/snmp6": "netns",
    "/proc/net/stat/nf_conntrack": "netns",
    "/proc/net/stat/arp_cache": "node",
    "/proc/net/softnet_stat": "node",
    "/proc/stat": "node",
}


@cache
def names_of_the_kernel() -> frozenset[str]:
    """Those that the parsers read of a real kernel's files."""
    lines = RECORDED.read_text().splitlines()
    return frozenset(line for line in lines if line and not line.startswith(("#", "/")))


def unknown_names(names: Iterable[str]) -> Iterator[str]:
    """A sentence for each that no kernel counts; `conntrack_clashres` is as /proc has it."""
    for name in names:
        if name not in names_of_the_kernel() and name not in CONNTRACK_COLUMNS:
            yield f"{name!r} is not a counter of the kernel.{_meant(name)}"


def row_problems(line: str) -> list[str]:
    """Of one line of the table."""
    cells = [cell.strip() for cell in line.split(" |")]
    if len(cells) != COLUMNS:
        return [
            f"{line!r}: {len(cells)} cells; there are {COLUMNS}: name | scope | unit | ! or nothing "
            "| meaning."
        ]
    return [f"{cells[0]}: {sentence}" for sentence in _cell_problems(*cells)]


def _cell_problems(name: str, scope: str, unit: str, weight: str, meaning: str) -> Iterator[str]:
    if name not in names_of_the_kernel():
        yield f"no file of the kernel has it (tests/data/kernel_counters.txt).{_meant(name)}"
    yield from _scope_problems(name, scope)
    if unit.removeprefix("=") not in UNITS:
        yield f"the unit {unit!r} is none of {', '.join(sorted(UNITS))}, with = before a gauge's."
    if weight not in ("", "!"):
        yield f"the flag {weight!r} is neither ! (trouble when it moves) nor empty."
    if not meaning:
        yield "it has no meaning."


def _scope_problems(name: str, scope: str) -> Iterator[str]:
    if scope not in get_args(Scope):
        yield f"the scope {scope!r} is none of {', '.join(get_args(Scope))}."
        return
    source = describe(name).source
    if scope != SCOPES.get(source, scope):
        yield f"the scope is {scope}, and all of {source} is of {SCOPES[source]}."


def _meant(name: str) -> str:
    alike = near(name, names_of_the_kernel())
    return f" Is {alike!r} meant?" if alike else ""
