"""What happened to a target, and what podwire did: state changes, commands, writes, errors."""

from __future__ import annotations

from typing import Any

from session.store import Store
from tui import format as fmt
from tui.panels.panel import Panel, Status, joined, scope_of
from tui.widgets.columns import Column
from tui.widgets.row_list import ListState

BAD_PHASES = ("failed", "gone", "gap")


def columns(store: Store) -> tuple[Column, ...]:
    return (
        Column("TIME", 19, lambda r: (fmt.clock(r.at, beside=store.latest), "dim")),
        Column("TYPE", 9, lambda r: (r.kind, "bad" if r.bad else "name")),
        Column("TARGET", 48, lambda r: (r.target, "dim"), rank=1, tight=23, tail=6),
        Column("MESSAGE", 0, lambda r: r.text, least=32),
    )


class EventsPanel(Panel):
    name = "events"
    has_words = False
    nothing = "no events yet: {app.timeline} shows the timeline of the whole session"
    nothing_recorded = "no events were recorded"

    def __init__(self, store: Store, key: str, node: str) -> None:
        super().__init__(store, key, ListState(columns(store), follow=True))
        self.keys = (key, node)

    def version(self) -> tuple[Any, ...]:
        return (self.store.log_count,)

    def rows(self) -> list[Any]:
        return [entry for entry in self.store.log if not entry.target or entry.target in self.keys]

    def status(self, shown: int) -> Status:
        """Its state first; of a recording it is live at no time."""
        data = self.data
        state = data.phase if self.live or data.phase != "live" else ""
        more = data.message if data.message != data.phase else ""
        parts = (": ".join(filter(None, (state, more))), self._whose(), fmt.many(shown, "event"))
        return joined(parts), data.phase in BAD_PHASES

    def _whose(self) -> str:
        """The targets whose events are listed."""
        scope = scope_of(self.key)
        return f"{scope} and its node" if len(set(filter(None, self.keys))) > 1 else scope
