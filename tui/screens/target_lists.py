"""The lists of the target screen, one class a list: what rows it has, when they change, what its status line says."""

from __future__ import annotations

from typing import Any

from collectors.conntrack import groups
from collectors.kernel.counters import describe
from collectors.sockets.peer_groups import grouped
from collectors.sockets.rates import identity
from collectors.target import SCOPES
from session.store import Store, TargetData
from tui import format as fmt
from tui.screens import flow_columns, target_rows
from tui.screens.graphs import full_in
from tui.widgets.row_list import ListState

Status = tuple[str, bool]  # text, whether it is bad news


def scope_of(key: str) -> str:
    """What the figures of a target speak of."""
    return SCOPES.get(key.partition("/")[0], "recorded")  # type: ignore[call-overload, no-any-return]


class View:
    """A list. `key` is the target whose rows it shows; `words` filters those lists that are filtered as one types."""

    name = ""
    placeholder = "words to find"
    has_words = True
    sorts: tuple[tuple[str, Any], ...] = ()

    def __init__(self, store: Store, key: str, state: ListState) -> None:
        self.store = store
        self.key = key
        self.state = state
        self.words = ""
        self.sort = 0

    @property
    def data(self) -> TargetData:
        return self.store.target(self.key)

    def version(self) -> tuple[Any, ...]:
        """Equal as long as the rows are the same."""
        return ()

    def rows(self) -> list[Any]:
        return []

    def note(self) -> str:
        """The figure beside the list's name."""
        return fmt.count(len(self.rows()))

    def status(self, shown: int) -> Status:
        """`shown` rows are in the list."""
        return "", False

    def empty(self) -> str:
        return "nothing here yet"

    def next_sort(self) -> None:
        if self.sorts:
            self.sort = (self.sort + 1) % len(self.sorts)

    def _matching(self) -> str:
        return f" · matching “{self.words}”" if self.words else ""

    def _sorted_by(self) -> str:
        return f"sorted by {self.sorts[self.sort][0]}"


class PacketsView(View):
    name = "packets"
    placeholder = "BPF filter, as for tcpdump: tcp port 80 and host 10.0.0.1 (empty: everything)"
    has_words = False

    def __init__(self, store: Store, key: str, cells: target_rows.PacketCells) -> None:
        super().__init__(store, key, ListState(cells.columns(), "no packets yet", follow=True))
        self.held = False  # the list stands still

    def version(self) -> tuple[Any, ...]:
        return (self.data.packets_seen, len(self.data.packets))

    def rows(self) -> list[Any]:
        return self.data.packets[:]

    def note(self) -> str:
        return fmt.count(self.data.packets_seen)

    def empty(self) -> str:
        data = self.data
        return data.capture_error or (
            "no packets match yet" if data.capture else "no capture yet: c starts one"
        )

    def status(self, shown: int) -> Status:
        data = self.data
        if data.capture_error:
            return f" {data.capture_error}", True
        if data.capture is None:
            return f" {data.message or 'no capture'}", data.phase in ("failed", "gone")
        capture = data.capture
        lost = self.store.lost + capture.dropped_disk
        phase = f"broken off: {capture.message}" if capture.phase == "gap" else capture.phase
        seen, kept = data.packets_seen, len(data.packets)
        parts = [
            f"filter: {capture.filter or 'everything'}",
            phase + (", list held" if self.held else ""),
            f"{fmt.count(seen)} packets"
            + (f", the last {fmt.count(kept)} in the list" if kept < seen else ""),
            f"dropped: kernel {fmt.count(capture.dropped_kernel)}, podwire {fmt.count(lost)}",
        ]
        if capture.phase in ("running", "ended") and capture.message:
            parts.insert(0, capture.message)
        return " " + " · ".join(parts), bool(
            capture.dropped_kernel + lost
        ) or capture.phase == "gap"


class FlowsView(View):
    name = "flows"
    sorts = flow_columns.FLOW_SORTS

    def __init__(self, store: Store, key: str) -> None:
        columns = flow_columns.flow_columns(store.book.short)
        super().__init__(
            store, key, ListState(columns, "no flows yet", identity=lambda f: f.number)
        )

    def version(self) -> tuple[Any, ...]:
        return (self.data.flows.revision, self.sort, self.words)

    def rows(self) -> list[Any]:
        wanted, names = self.words.lower().split(), self.store.book.names
        flows = self.data.flows.flows
        if wanted:
            flows = [
                f for f in flows if all(word in flow_columns.flow_text(f, names) for word in wanted)
            ]
        return sorted(flows, key=self.sorts[self.sort][1])

    def note(self) -> str:
        return fmt.count(len(self.data.flows))

    def status(self, shown: int) -> Status:
        totals = self.data.flows.totals
        seen = f"{fmt.count(totals.tcp)} TCP, {fmt.count(totals.udp)} UDP since the capture began"
        left = (
            f" ({fmt.count(totals.left)} idle or closed ones left the list)" if totals.left else ""
        )
        return (
            f" {scope_of(self.key)} · {shown} shown · {self._sorted_by()}{self._matching()} · {seen}{left}",
            False,
        )


class DnsView(View):
    name = "dns"
    sorts = flow_columns.LOOKUP_SORTS

    def __init__(self, store: Store, key: str) -> None:
        columns = flow_columns.lookup_columns(store.book.short)
        super().__init__(store, key, ListState(columns, "no DNS seen yet", identity=id))

    def version(self) -> tuple[Any, ...]:
        lookups = self.data.flows.lookups
        return (lookups.revision, self.sort, self.words)

    def rows(self) -> list[Any]:
        lookups, names = self.data.flows.lookups, self.store.book.names
        wanted = self.words.lower().split()
        found = [*lookups.done, *lookups.pending]
        if wanted:
            found = [
                t
                for t in found
                if all(word in flow_columns.lookup_text(t, names) for word in wanted)
            ]
        return sorted(found, key=self.sorts[self.sort][1])

    def note(self) -> str:
        return fmt.count(self.data.flows.lookups.totals.asked)

    def status(self, shown: int) -> Status:
        totals = self.data.flows.lookups.totals
        missing, failed = (
            totals.codes.get(3, 0),
            sum(n for code, n in totals.codes.items() if code not in (0, 3)),
        )
        share = (
            f" ({fmt.percent(100 * missing / totals.answered)} of answers)"
            if totals.answered
            else ""
        )
        parts = [
            scope_of(self.key),
            f"{shown} shown",
            f"{self._sorted_by()}{self._matching()}",
            f"{fmt.count(totals.asked)} asked",
            f"NXDOMAIN {fmt.count(missing)}{share}",
            f"failed {fmt.count(failed)}",
            f"asked again {fmt.count(totals.retries)}",
            f"unanswered {fmt.count(totals.unanswered)}",
        ]
        return " " + " · ".join(parts), bool(failed or totals.unanswered)


class SocketsView(View):
    name = "sockets"
    sorts = target_rows.SORTS

    def __init__(self, store: Store, key: str) -> None:
        columns = target_rows.socket_columns(
            store.book.short, lambda row: self.data.socket_rates.get(identity(row))
        )
        super().__init__(store, key, ListState(columns, identity=identity))

    def version(self) -> tuple[Any, ...]:
        return (self.key, self.data.sockets_at, self.sort, self.words)

    def rows(self) -> list[Any]:
        names, words = self.store.book.names, self.words.lower().split()
        rows = self.data.sockets
        if words:
            rows = tuple(
                r for r in rows if all(word in target_rows.socket_text(r, names) for word in words)
            )
        return sorted(rows, key=self.sorts[self.sort][1])

    def note(self) -> str:
        return fmt.count(len(self.data.sockets))

    def status(self, shown: int) -> Status:
        data = self.data
        source = (
            f"{data.sockets_source} at {fmt.clock(data.sockets_at)}"
            if data.sockets_at
            else "not read yet"
        )
        source = f"{data.sockets_note} · {source}" if data.sockets_note else source
        return (
            f" {scope_of(self.key)} · {shown} shown · {self._sorted_by()}{self._matching()} · {source}",
            False,
        )


class PeersView(View):
    """The sockets by whom they speak to; shares their place among the lists."""

    name = "sockets"
    sorts = target_rows.PEER_SORTS

    def __init__(self, store: Store, key: str) -> None:
        columns = target_rows.peer_columns(self._ports)
        super().__init__(
            store, key, ListState(columns, "no TCP sockets with a peer", identity=lambda p: p.name)
        )

    def _ports(self) -> int:
        values = self.data.sample.values if self.data.sample else {}
        low, high = values.get("port_range_low", 0), values.get("port_range_high", 0)
        return high - low + 1 if high else 0

    def version(self) -> tuple[Any, ...]:
        return ("peers", self.key, self.data.sockets_at, self.sort, self.words)

    def rows(self) -> list[Any]:
        words = self.words.lower().split()
        found = grouped(self.data.sockets, self.store.book)
        kept = [
            p
            for p in found
            if all(word in f"{p.name} {p.zone} {p.destination}".lower() for word in words)
        ]
        return sorted(kept, key=self.sorts[self.sort][1])

    def note(self) -> str:
        return fmt.count(len(self.data.sockets))

    def status(self, shown: int) -> Status:
        holds = f" of {fmt.count(self._ports())} (ip_local_port_range)" if self._ports() else ""
        parts = [
            scope_of(self.key),
            f"{shown} peers",
            f"{self._sorted_by()}{self._matching()}",
            f"PORTS: local ports to one destination{holds}",
            "≠ another zone",
            "p shows sockets",
        ]
        return " " + " · ".join(parts), False


class ConntrackView(View):
    """The table that matters is the node's: `key` is the node beside a pod, where there is one."""

    name = "conntrack"
    sorts = target_rows.CONNTRACK_SORTS

    def __init__(self, store: Store, key: str) -> None:
        columns = target_rows.conntrack_columns(store.book.short, self._total)
        super().__init__(
            store,
            key,
            ListState(
                columns,
                "counting the table",
                identity=lambda g: (g.protocol, g.state, g.source, g.destination, g.port, g.reply_source),
            ),
        )

    def _total(self) -> int:
        return self.data.conntrack.total if self.data.conntrack else 0

    def version(self) -> tuple[Any, ...]:
        return (self.data.conntrack.at if self.data.conntrack else 0, self.sort, self.words)

    def rows(self) -> list[Any]:
        names, words = self.store.book.names, self.words.lower().split()
        found = self.data.conntrack.groups if self.data.conntrack else ()
        kept = [
            g for g in found if all(word in target_rows.conntrack_text(g, names) for word in words)
        ]
        return sorted(kept, key=self.sorts[self.sort][1])

    def note(self) -> str:
        values = self.data.sample.values if self.data.sample else {}
        return fmt.count(values.get("conntrack_count"))

    def empty(self) -> str:
        table = self.data.conntrack
        return "counting the table" if table is None else table.error or "no entries"

    def status(self, shown: int) -> Status:
        table = self.data.conntrack
        if table is None:
            return f" {scope_of(self.key)} · counting", False
        if table.error:
            return f" {table.error}", True
        limit = self.data.conntrack_max()
        fill = f" of {fmt.count(limit)} ({fmt.percent(100 * table.total / limit)})" if limit else ""
        states = ", ".join(
            f"{name} {fmt.count(n)}" for name, n in groups.by_state(table.groups)[:4]
        )
        parts = [
            scope_of(self.key),
            f"{fmt.count(table.total)} entries{fill}",
            *self._lost(),
            states,
            f"{self._sorted_by()}{self._matching()}",
            f"{table.source} at {fmt.clock(table.at)}, r counts again",
        ]
        return " " + " · ".join(part for part in parts if part), False

    def _lost(self) -> list[str]:
        """What the table loses, apart: dropped or evicted because it is full, lost to races, and races that cost
        nothing."""
        change, told = self.data.step, list(full_in(self.data))
        for names, what in (
            (("conntrack_drop",), "dropped"),
            (("conntrack_early_drop",), "evicted"),
            (("conntrack_insert_failed",), "lost races"),
            (("conntrack_clash_resolve",), "races resolved"),
        ):
            if change is not None and (rate := change.rate(*names)):
                told.append(f"{fmt.rate(rate)} {what}/s")
        return told


class CountersView(View):
    name = "counters"

    def __init__(self, store: Store, key: str) -> None:
        columns = target_rows.counter_columns(scope_of(key))
        super().__init__(store, key, ListState(columns, identity=lambda r: r.name))

    def version(self) -> tuple[Any, ...]:
        return (self.key, self.data.sample.at if self.data.sample else 0, self.words)

    def rows(self) -> list[Any]:
        wanted = self.words.lower()
        return [
            c
            for c in self.data.counters()
            if wanted in f"{c.name} {describe(c.name).meaning}".lower()
        ]

    def note(self) -> str:
        return fmt.count(len(self.data.moved))

    def status(self, shown: int) -> Status:
        missing = len(self.data.sample.missing) if self.data.sample else 0
        unreadable = f" · {missing} sources not readable here" if missing else ""
        return (
            f" {scope_of(self.key)} · counters that moved since this target was opened{unreadable}",
            False,
        )


class EventsView(View):
    name = "events"
    has_words = False

    def __init__(self, store: Store, key: str, node: str) -> None:
        super().__init__(store, key, ListState(target_rows.EVENT_COLUMNS, follow=True))
        self.keys = (key, node)

    def version(self) -> tuple[Any, ...]:
        return (self.store.log_count,)

    def rows(self) -> list[Any]:
        return list(target_rows.event_rows(self.store, self.keys))

    def status(self, shown: int) -> Status:
        data = self.data
        return f" {data.phase}{f': {data.message}' if data.message else ''}", data.phase in (
            "failed",
            "gone",
            "gap",
        )
