"""What fills the conntrack table: entries grouped by all but the source port."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from collectors.conntrack import groups
from collectors.events import ConntrackGroup, ConntrackTable
from collectors.kernel.deltas import Share
from collectors.plural import counted
from session.store import Store
from session.target_data import TargetData
from tui import format as fmt
from tui.keymap import KEYS
from tui.panels.panel import Panel, Sort, Status, joined, scope_of
from tui.widgets.columns import Cell, Column
from tui.widgets.row_list import ListState

NOT_COUNTED = "the entries were not counted up to this time of the recording"
LOSSES = (
    ("conntrack_drop", "dropped"),
    ("conntrack_early_drop", "early_drop"),
    ("conntrack_insert_failed", "insert_failed"),
    ("conntrack_clash_resolve", "clash_resolve"),
)
FAR_S = 6 * 3600  # a table that fills more slowly needs no mention


def full_in(data: TargetData) -> tuple[str, ...]:
    """When the table is full if it goes on to grow as it does; nothing where it does not, or
    that is far away."""
    seconds = data.seconds_to_full()
    if seconds == 0:
        return ("full now",)
    return (f"full in {fmt.duration(seconds)}",) if seconds is not None and seconds < FAR_S else ()


def _share(total: Callable[[], int]) -> Callable[[ConntrackGroup], Cell]:
    return lambda group: fmt.percent(100 * group.count / total()) if total() else fmt.NONE


def _replies(names: Mapping[str, str]) -> Callable[[ConntrackGroup], Cell]:
    """Where replies come from, only where the address was translated."""

    def cell(group: ConntrackGroup) -> Cell:
        if (group.reply_source, group.reply_port) == (group.destination, group.port):
            return "", "dim"
        return f"{names.get(group.reply_source, group.reply_source)}:{group.reply_port}"

    return cell


def _status(group: ConntrackGroup) -> Cell:
    if not group.replied:
        return "UNREPLIED", "warn"
    return "ASSURED" if group.assured else "", "dim"


def columns(names: Mapping[str, str], total: Callable[[], int]) -> tuple[Column, ...]:
    """`total` entries are in the table."""
    return (
        Column("ENTRIES", 9, lambda g: fmt.count(g.count), right=True),
        Column("SHARE", 6, _share(total), right=True),
        Column("PROTO", 6, lambda g: (g.protocol, "dim")),
        Column("STATE", 11, lambda g: g.state, tight=9),
        Column("SOURCE", 36, lambda g: names.get(g.source, g.source), tight=15, tail=6),
        Column(
            "DESTINATION",
            0,
            lambda g: f"{names.get(g.destination, g.destination)}:{g.port}",
            tail=6,
        ),
        Column("REPLIES FROM", 36, _replies(names), rank=1, tight=15, tail=6),
        Column("STATUS", 9, _status, rank=4),
    )


def searched(group: ConntrackGroup, names: Mapping[str, str]) -> str:
    """What the filter's words are looked for in."""
    ends = (group.source, group.destination, group.reply_source)
    parts = (
        group.protocol,
        group.state,
        *ends,
        *(names.get(end, "") for end in ends),
        f":{group.port}",
        "" if group.replied else "unreplied",
    )
    return " ".join(parts).lower()


def _identity(group: ConntrackGroup) -> tuple[object, ...]:
    return (
        group.protocol,
        group.state,
        group.source,
        group.destination,
        group.port,
        group.reply_source,
    )


class ConntrackPanel(Panel):
    """The table that matters is the node's: `key` is the node beside a pod, where there is one."""

    name = "conntrack"
    sorts: tuple[Sort, ...] = (
        ("entries", lambda g: (-g.count,)),
        ("source", lambda g: (g.source, -g.count)),
        ("destination", lambda g: (g.destination, g.port, -g.count)),
        ("state", lambda g: (g.protocol, g.state, -g.count)),
    )

    def __init__(self, store: Store, key: str) -> None:
        cells = columns(store.book.short, self._total)
        super().__init__(store, key, ListState(cells, identity=_identity))

    def _total(self) -> int:
        return self.data.conntrack.total if self.data.conntrack else 0

    def version(self) -> tuple[Any, ...]:
        return (self.data.conntrack.at if self.data.conntrack else 0, self.sort, self.words)

    def rows(self) -> list[Any]:
        names, table = self.store.book.names, self.data.conntrack
        return self._found(table.groups if table else (), lambda group: searched(group, names))

    def note(self) -> str:
        return fmt.count(self.data.values.get("conntrack_count"))

    def empty(self) -> str:
        table = self.data.conntrack
        if table is None:
            return "counting the entries" if self.live else NOT_COUNTED
        if self.words:
            return super().empty()
        return table.error or (f"no entries: {counts_again()}" if self.live else "no entries")

    def status(self, shown: int) -> Status:
        table = self.data.conntrack
        if table is None:
            now = "counting" if self.live else NOT_COUNTED
            return joined([scope_of(self.key), now]), False
        if table.error:
            return f" {table.error}", True
        states = (f"{name} {fmt.count(n)}" for name, n in groups.by_state(table.groups)[:4])
        parts = [
            scope_of(self.key),
            self._fill(table),
            *full_in(self.data),
            *self._losses(),
            ", ".join(states),
            *self._shown(shown)[2:],
            f"{table.source}{f', {counts_again()}' if self.live else ''}",
        ]
        return joined(parts), False

    def _fill(self, table: ConntrackTable) -> str:
        """When they were counted: the graph above goes on."""
        limit, counted_at = self.data.conntrack_max(), f"at {fmt.clock(table.at)}"
        if not limit:
            return f"{fmt.many(table.total, 'entry', 'entries')} {counted_at}"
        share = fmt.percent(Share(table.total, limit).percent)
        entries = counted(int(limit), "entry", "entries")
        return f"{fmt.count(table.total)} of {entries} ({share}) {counted_at}"

    def _losses(self) -> list[str]:
        """Packets the table cost, and clashes that cost none, by the kernel's names."""
        change = self.data.step
        if change is None:
            return []
        rates = ((change.rate(counter), name) for counter, name in LOSSES)
        return [f"{name} {fmt.rate(rate)}/s" for rate, name in rates if rate]


def counts_again() -> str:
    return KEYS.fill("{target.again} counts again")
