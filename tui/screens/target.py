"""One target live: four graphs, and under them packets, sockets, counters, events."""

from __future__ import annotations

from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.containers import Grid
from textual.widgets import Footer, Input, Static

from collectors.errors import PodwireError
from collectors.kernel.counters import describe
from collectors.target import SCOPES
from tui import format as fmt
from tui.actions import bindings
from tui.control import Control
from tui.screens import graphs, panels
from tui.screens.base import MOODS, CloseTarget, ConsoleScreen, FilterBox
from tui.screens.document import Document
from tui.store import LogLine, Store, TargetData
from tui.widgets.graph import Graph
from tui.widgets.header import Header, HeaderData
from tui.widgets.rows import ListState, RowList
from tui.widgets.tabs import TabBar
from tui.widgets.targets import Targets

TABS = ("packets", "sockets", "counters", "events")
STALE_S = 4.0
ZOOMS = ("both", "list", "graphs")


def scope_of(key: str) -> str:
    """What the figures of a target speak of."""
    return SCOPES.get(key.partition("/")[0], "recorded")  # type: ignore[call-overload, no-any-return]


class TargetScreen(ConsoleScreen):
    """`key` is the target's, `node` that of the node beside it or ''."""

    BINDINGS = bindings("target")
    AUTO_FOCUS = "#list"

    def __init__(self, store: Store, control: Control, key: str, node: str) -> None:
        super().__init__(store, control)
        self.key = key
        self.node = node
        self.tab = "packets"
        self.vantage = key
        self.sort = 0
        self.words = {"sockets": "", "counters": ""}
        self.cells = panels.PacketCells(store)
        self._zoom = 0
        self._drawn: dict[str, Any] = {}
        self.lists = {
            "packets": ListState(self.cells.columns(), "no packets yet", follow=True),
            "sockets": ListState(panels.socket_columns(store.book.short), identity=panels.socket_identity),
            "counters": ListState(panels.counter_columns(scope_of(key)), identity=lambda r: r.name),
            "events": ListState(panels.EVENT_COLUMNS, follow=True),
        }

    def compose(self) -> ComposeResult:
        yield Header()
        yield Targets()
        with Grid(id="graphs"):
            for name in ("conntrack", "retransmits", "connections", "drops"):
                yield Graph(id=name)
        yield TabBar(TABS, id="tabs")
        first = self.lists["packets"]
        yield RowList(first.columns, first.empty, first.identity, first.follow, id="list")
        yield Static("", id="status", markup=False)
        yield FilterBox(id="filter")
        yield Footer()

    def on_resize(self, event: events.Resize) -> None:
        for grid in self.query("#graphs"):
            grid.set_class(event.size.height < 30, "low")
            grid.set_class(event.size.height >= 45, "high")
            grid.set_class(event.size.width >= 180, "row")

    # --- drawing

    def _data(self, key: str | None = None) -> TargetData:
        return self.store.target(key or self.key)

    def pull(self) -> None:
        self.show_header(self.key)
        own, now = self._data(), self.control.now()
        beside = self._data(self.node) if self.node else own
        pod, node = (
            graphs.Place(own, scope_of(self.key), now),
            graphs.Place(beside, scope_of(self.node or self.key), now),
        )
        self.query_one("#conntrack", Graph).show(graphs.conntrack(node))
        self.query_one("#retransmits", Graph).show(graphs.retransmits(pod))
        self.query_one("#connections", Graph).show(graphs.connections(pod))
        self.query_one("#drops", Graph).show(graphs.drops(node, pod))
        self._draw_list()
        self._draw_status()
        self.query_one(TabBar).show(self.tab, self._tab_notes())

    def _tab_notes(self) -> dict[str, str]:
        data, chosen = self._data(), self._data(self.vantage)
        return {
            "packets": fmt.count(data.packets_seen),
            "sockets": fmt.count(len(chosen.sockets)),
            "counters": fmt.count(len(chosen.moved)),
            "events": fmt.count(len(panels.event_rows(self.store, (self.key, self.node)))),
        }

    def _changed(self, name: str, *state: Any) -> bool:
        """Whether a list's state differs from what it shows."""
        if self._drawn.get(name) == state:
            return False
        self._drawn[name] = state
        return True

    @property
    def rows(self) -> RowList:
        return self.query_one("#list", RowList)

    def _draw_list(self) -> None:
        rows, chosen = self.rows, self._data(self.vantage)
        if self.tab == "packets":
            data = self._data()
            if rows.follow and self._changed("packets", data.packets_seen, len(data.packets)):
                rows.show(self._list_rows())
            waiting = "no packets match yet" if data.capture else "no capture yet: c starts one"
            rows.empty = data.capture_error or waiting
        elif self.tab == "sockets":
            if self._changed("sockets", self.vantage, chosen.sockets_at, self.sort, self.words["sockets"]):
                rows.show(self._list_rows())
        elif self.tab == "counters":
            at = chosen.sample.at if chosen.sample else 0
            if self._changed("counters", self.vantage, at, self.words["counters"]):
                rows.show(self._list_rows())
        elif self._changed("events", self.store.log_count):
            rows.show(self._list_rows())

    def _list_rows(self) -> list[Any]:
        """The rows of the list that is shown."""
        data = self._data(self.vantage)
        if self.tab == "packets":
            return self._data().packets[:]
        if self.tab == "sockets":
            return self._socket_rows(data)
        if self.tab == "counters":
            wanted = self.words["counters"].lower()
            return [c for c in data.counters() if wanted in f"{c.name} {describe(c.name).meaning}".lower()]
        return panels.event_rows(self.store, (self.key, self.node))

    def _socket_rows(self, data: TargetData) -> list[Any]:
        names, words = self.store.book.names, self.words["sockets"].lower().split()
        found = (
            [r for r in data.sockets if all(w in panels.socket_text(r, names) for w in words)]
            if words
            else data.sockets
        )
        return sorted(found, key=panels.SORTS[self.sort][1])

    def _draw_status(self) -> None:
        text, bad = getattr(self, f"_status_{self.tab}")()
        status = self.query_one("#status", Static)
        status.set_class(bad, "bad")
        if self._changed("status", text, bad):
            status.update(text)

    def _status_packets(self) -> tuple[str, bool]:
        data = self._data()
        if data.capture_error:
            return f" {data.capture_error}", True
        if data.capture is None:
            return f" {data.message or 'no capture'}", data.phase in ("failed", "gone")
        capture = data.capture
        lost = self.store.lost + capture.dropped_disk
        phase = f"broken off: {capture.message}" if capture.phase == "gap" else capture.phase
        parts = [
            f"filter: {capture.filter or 'everything'}",
            phase + ("" if self.rows.follow else ", list held"),
            f"{fmt.count(data.packets_seen)} packets",
            f"dropped: kernel {fmt.count(capture.dropped_kernel)}, podwire {fmt.count(lost)}",
        ]
        if capture.phase == "running" and capture.message:
            parts.insert(0, capture.message)
        return " " + " · ".join(parts), bool(capture.dropped_kernel + lost) or capture.phase == "gap"

    def _status_sockets(self) -> tuple[str, bool]:
        data = self._data(self.vantage)
        words = f" · matching “{self.words['sockets']}”" if self.words["sockets"] else ""
        source = f"{data.sockets_source} at {fmt.clock(data.sockets_at)}" if data.sockets_at else "not read yet"
        shown = len(self.rows.rows)
        return (
            f" {scope_of(self.vantage)} · {shown} shown · sorted by {panels.SORTS[self.sort][0]}{words} · {source}",
            False,
        )

    def _status_counters(self) -> tuple[str, bool]:
        data = self._data(self.vantage)
        missing = len(data.sample.missing) if data.sample else 0
        unreadable = f" · {missing} sources not readable here" if missing else ""
        return f" {scope_of(self.vantage)} · counters that moved since this target was opened{unreadable}", False

    def _status_events(self) -> tuple[str, bool]:
        data = self._data()
        return f" {data.phase}{f': {data.message}' if data.message else ''}", data.phase in ("failed", "gone", "gap")

    def header_data(self) -> HeaderData:
        start, data = self.store.start, self._data()
        state, mood = data.phase, MOODS[data.phase]
        if data.phase == "live" and data.sample is not None:
            silent = self.control.now() - data.sample.at
            if silent > STALE_S:
                state, mood = f"silent {silent:.0f} s", "warn"
        kind, _, name = self.key.partition("/")
        namespace, _, short = name.rpartition("/")
        beside = f" @ {self.node.partition('/')[2]}" if self.node else ""
        context, user = (start.context, start.user) if start else ("", "")
        return HeaderData(context, namespace, f"{kind} {short}{beside}" if short else kind, user, state, mood)

    # --- what keys do

    def action_tab(self, name: str) -> None:
        before, self.tab = self.lists[self.tab], name
        self._drawn.clear()
        self.rows.switch(before, self.lists[name], self._list_rows())
        self.pull()

    def on_tab_bar_chosen(self, event: TabBar.Chosen) -> None:
        self.action_tab(event.name)

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        """An event in full: what it told, and of a write the manifest that was sent."""
        if self.tab == "events":
            row: LogLine = event.row
            self.app.push_screen(Document(f"{row.kind} at {fmt.clock(row.at)}", f"{row.text}\n\n{row.detail}"))

    def action_pause(self) -> None:
        self.rows.follow = not self.rows.follow
        self._drawn.clear()
        self.pull()

    def action_sort(self) -> None:
        if self.tab == "sockets":
            self.sort = (self.sort + 1) % len(panels.SORTS)
            self.pull()

    def action_vantage(self) -> None:
        if not self.node:
            self.say("Only one vantage point is open here.")
            return
        self.vantage = self.node if self.vantage == self.key else self.key
        self.lists["counters"].columns = panels.counter_columns(scope_of(self.vantage))
        self.action_tab("counters" if self.tab == "packets" else self.tab)
        self.pull()

    def action_names(self) -> None:
        self.cells.mode = (self.cells.mode + 1) % 3
        self.rows.refresh()
        self.say(("Names.", "Names and addresses.", "Addresses.")[self.cells.mode])

    def action_zoom(self) -> None:
        self._zoom = (self._zoom + 1) % len(ZOOMS)
        self.query_one("#graphs").display = ZOOMS[self._zoom] != "list"
        self.rows.display = ZOOMS[self._zoom] != "graphs"
        self.set_class(ZOOMS[self._zoom] == "graphs", "only-graphs")

    def action_filter(self) -> None:
        box = self.query_one("#filter", Input)
        data = self._data()
        if self.tab == "packets":
            box.placeholder = "BPF filter, as for tcpdump: tcp port 80 and host 10.0.0.1 (empty: everything)"
            box.value = data.capture.filter if data.capture else ""
        elif self.tab in self.words:
            box.placeholder = "words to find"
            box.value = self.words[self.tab]
        else:
            return
        self.open_box(box)

    def on_input_changed(self, event: Input.Changed) -> None:
        if self.tab in self.words:
            self.words[self.tab] = event.value.strip()
            self.pull()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if self.tab == "packets":
            self.control.capture(self.key, event.value)
            self.rows.follow = True
        self._close_filter()

    def _close_filter(self) -> None:
        self.close_box(self.query_one("#filter", Input), self.rows)

    def action_capture(self) -> None:
        data = self._data()
        if data.capture is not None and data.capture.phase == "running":
            self.run_worker(self.control.stop_capture(self.key))
        else:
            self.control.capture(self.key, data.capture.filter if data.capture else "")

    def action_save(self) -> None:
        self.run_worker(self._save())

    async def _save(self) -> None:
        try:
            path = await self.control.save(self.key)
        except (PodwireError, OSError) as error:
            self.say(f"Not saved: {error}", "error")
            return
        self.say(f"Saved {path}")

    def action_close(self) -> None:
        self.post_message(CloseTarget(self.key))

    def action_back(self) -> None:
        if self.query_one("#filter", Input).can_focus:
            self._close_filter()
        elif len(self.app.screen_stack) > 2:  # the default screen and the cluster lie below
            self.app.pop_screen()
