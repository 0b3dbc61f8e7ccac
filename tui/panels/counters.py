"""Kernel counters that have moved since the target was opened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from collectors.kernel.counters import describe
from session.store import Store
from session.target_data import CounterLine
from tui import format as fmt
from tui.panels.panel import Panel, Status, joined, scope_of
from tui.widgets.columns import Cell, Column
from tui.widgets.row_list import ListState


def _name(row: CounterLine) -> Cell:
    if not describe(row.name).trouble:
        return row.name, ""
    return row.name, "bad" if row.rate else "warn"


def _scope(own: str) -> Callable[[CounterLine], Cell]:
    names = {"netns": own, "node": "whole node", "global": "global"}
    return lambda row: (names[describe(row.name).scope], "dim")


def columns(own: str) -> tuple[Column, ...]:
    """`own` is the scope of what is counted in this network namespace."""
    return (
        Column("COUNTER", 27, _name),
        Column("PER s", 8, lambda r: fmt.rate(r.rate), right=True),
        Column("SINCE OPEN", 10, lambda r: fmt.count(r.moved), right=True, rank=3),
        Column("TOTAL", 12, lambda r: (fmt.count(r.value), "dim"), right=True, rank=4),
        Column("UNIT", 12, lambda r: (describe(r.name).unit, "dim"), rank=2),
        Column("SCOPE", 10, _scope(own), rank=1),
        Column("MEANING", 0, lambda r: describe(r.name).meaning),
    )


def searched(row: CounterLine) -> str:
    """What the filter's words are looked for in."""
    return f"{row.name} {describe(row.name).meaning}".lower()


class CountersPanel(Panel):
    name = "counters"
    nothing = "no counter has moved yet: {target.tab(7)} shows CPUs, interfaces and neighbours"
    nothing_recorded = "no counter had moved"

    def __init__(self, store: Store, key: str) -> None:
        super().__init__(store, key, ListState(columns(scope_of(key)), identity=lambda r: r.name))

    def version(self) -> tuple[Any, ...]:
        return (self.key, self.data.sample.at if self.data.sample else 0, self.words)

    def rows(self) -> list[Any]:
        return self._found(self.data.counters(), searched)

    def note(self) -> str:
        return fmt.count(self.data.counters_moved)

    def status(self, shown: int) -> Status:
        missing = len(self.data.sample.missing) if self.data.sample else 0
        parts = [
            *self._shown(shown, "counter"),
            "moved since this target was opened",
            f"{fmt.many(missing, 'source')} not readable here" if missing else "",
        ]
        return joined(parts), False
