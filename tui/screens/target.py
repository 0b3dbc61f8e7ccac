"""One target live: four graphs, and under them packets, flows, DNS, sockets, counters, conntrack, the node, events."""

from __future__ import annotations

from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.containers import Grid
from textual.widgets import Footer, Input

from collectors.capture.dns_transactions import DnsTransaction
from collectors.errors import PodwireError
from collectors.sockets.peer_groups import PeerGroup
from collectors.sockets.rates import identity
from collectors.sockets.rows import SocketRow
from session.controller import Controller
from session.series import (
    SeriesInfo,
    of_counter,
    of_peer,
    of_socket,
)
from session.store import (
    CounterLine,
    LogLine,
    PacketLine,
    Store,
    TargetData,
)
from tui import format as fmt
from tui.actions import bindings
from tui.screens import graphs, target_rows
from tui.screens.base import MOODS, CloseTarget
from tui.screens.node_rows import NodeView
from tui.screens.target_lists import (
    ConntrackView,
    CountersView,
    DnsView,
    EventsView,
    FlowsView,
    PacketsView,
    PeersView,
    SocketsView,
    View,
    scope_of,
)
from tui.screens.time_keys import TimeKeys
from tui.time_view import TimeView, time_status
from tui.widgets.filter_box import FilterBox
from tui.widgets.graph import Graph
from tui.widgets.header import Header, HeaderData
from tui.widgets.list_tabs import TabBar
from tui.widgets.row_list import RowList
from tui.widgets.target_tabs import Targets
from tui.widgets.text_line import TextLine

STALE_S = 4.0
ZOOMS = ("both", "list", "graphs")
GRAPH_NAMES = ("conntrack", "retransmits", "connections", "drops")
GRAPHS = len(GRAPH_NAMES)


class TargetScreen(TimeKeys):
    """`key` is the target's, `node` that of the node beside it or ''."""

    BINDINGS = bindings("target", "time")
    AUTO_FOCUS = "#list"
    place = "target"

    def __init__(self, store: Store, control: Controller, key: str, node: str) -> None:
        super().__init__(store, control)
        self.key = key
        self.node = node
        self.vantage = key
        self.cells = target_rows.PacketCells(store)
        self.packets = PacketsView(store, key, self.cells)
        self.sockets, self.counters = SocketsView(store, key), CountersView(store, key)
        self.peers = PeersView(store, key)
        self.views: dict[str, View] = {
            view.name: view
            for view in (
                self.packets,
                FlowsView(store, key),
                DnsView(store, key),
                self.sockets,
                self.counters,
                ConntrackView(store, node or key),
                NodeView(store, node or key),
                EventsView(store, key, node),
            )
        }
        if self.is_file:
            for name in ("sockets", "counters", "conntrack", "node"):
                del self.views[name]
        self.view: View = self.packets
        self.time = TimeView()
        self.pinned: list[
            tuple[str, SeriesInfo]
        ] = []  # figures in place of the last graphs, with their targets
        self._zoom = 0
        self._drawn: dict[str, Any] = {}

    @property
    def is_file(self) -> bool:
        """A capture file has packets, and nothing that is sampled."""
        return self.key.startswith("pcap/")

    def compose(self) -> ComposeResult:
        yield Header()
        yield Targets()
        with Grid(id="graphs") as grid:
            grid.display = not self.is_file
            for name in GRAPH_NAMES:
                yield Graph(id=name)
        yield TabBar(tuple(self.views), id="tabs")
        first = self.packets.state
        yield RowList(first.columns, first.empty, first.identity, first.follow, id="list")
        yield TextLine(id="status")
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
        if not self.is_file:
            self._draw_graphs()
        self._draw_list()
        self._draw_status()
        self.query_one(TabBar).show(
            self.view.name, {name: view.note() for name, view in self.views.items()}
        )

    def _draw_graphs(self) -> None:
        own = self._data()
        beside = self._data(self.node) if self.node else own
        self.time.now = self.control.now()
        pod = graphs.GraphSpec(own, scope_of(self.key), self.time)
        node = graphs.GraphSpec(beside, scope_of(self.node or self.key), self.time)
        shown = [
            graphs.conntrack(node),
            graphs.retransmits(pod),
            graphs.connections(pod),
            graphs.drops(node, pod),
        ]
        pinned = [
            graphs.figure(f, graphs.GraphSpec(self._data(key), scope_of(key), self.time))
            for key, f in self.pinned
        ]
        shown = shown[: GRAPHS - len(pinned)] + pinned
        for name, data in zip(GRAPH_NAMES, shown, strict=True):
            self.query_one(f"#{name}", Graph).show(data)

    def _changed(self, name: str, *state: Any) -> bool:
        """Whether a part's state differs from what it shows."""
        if self._drawn.get(name) == state:
            return False
        self._drawn[name] = state
        return True

    @property
    def rows(self) -> RowList:
        return self.query_one("#list", RowList)

    def _draw_list(self) -> None:
        rows, view = self.rows, self.view
        held = view is self.packets and not rows.follow
        if not held and self._changed(view.name, *view.version()):
            rows.show(view.rows())
        rows.empty = view.empty()

    def _draw_status(self) -> None:
        self.packets.held = self.view is self.packets and not self.rows.follow
        text, bad = self.view.status(len(self.rows.rows))
        if self.time.until is not None or self.time.zoom:
            text = f" graphs: {time_status(self.time, self.oldest())} ·{text}"
        self.query_one("#status", TextLine).show(text, bad)

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
        return HeaderData(
            context, namespace, f"{kind} {short}{beside}" if short else kind, user, state, mood
        )

    # --- what keys do

    def action_tab(self, number: int) -> None:
        views = list(self.views.values())
        if number <= len(views):
            self._show(views[number - 1])

    def _show(self, view: View) -> None:
        before, self.view = self.view, view
        if view.name == "conntrack" and view.data.conntrack is None:
            self.control.count_conntrack(view.key)
        self._drawn.clear()
        self.rows.switch(before.state, view.state, view.rows())
        self.pull()

    def show(self, view: str, words: str = "") -> None:
        if view in self.views:
            self._show(self.views[view])

    def on_tab_bar_list_chosen(self, event: TabBar.ListChosen) -> None:
        self._show(self.views[event.name])

    def on_row_list_row_chosen(self, event: RowList.RowChosen) -> None:
        """A packet's or a flow's own page; a figure's graph; an event in full, and of a write the manifest sent."""
        from tui.screens.flow import FlowScreen
        from tui.screens.series_detail import FigureScreen
        from tui.screens.text_view import Document

        row = event.row
        if (figures := self._figures(row)) and self.view is not self.packets:
            self._watch_socket(row)
            name = figures[0].title.rpartition(": ")[0] or figures[0].title
            key = self.view.key
            self.app.push_screen(
                FigureScreen(self.store, self.control, key, figures, name, scope_of(key))
            )
        elif isinstance(row, LogLine):
            self.app.push_screen(
                Document(f"{row.kind} at {fmt.clock(row.at)}", f"{row.text}\n\n{row.detail}")
            )
        elif isinstance(row, DnsTransaction):
            tried = "\n".join(row.tried) or "none: this name was asked for first"
            title = f"{row.type} {row.name}: {row.outcome}"
            self.app.push_screen(
                Document(title, f"Names that were tried before, each NXDOMAIN:\n{tried}")
            )
        elif self.view.name in ("packets", "flows"):
            number = row.flow if isinstance(row, PacketLine) else getattr(row, "number", 0)
            flow = self._data().flows.flow(number)
            if flow is None:
                self.say("This packet belongs to no flow that is still in the table.")
            else:
                self.app.push_screen(
                    FlowScreen(self.store, self.control, self.key, flow, scope_of(self.key))
                )

    def _figures(self, row: object) -> list[SeriesInfo]:
        """What of a row can be drawn over time."""
        if isinstance(row, CounterLine):
            return [of_counter(row.name)]
        if isinstance(row, PeerGroup):
            return of_peer(row)
        return of_socket(row) if isinstance(row, SocketRow) else []

    def _watch_socket(self, row: object) -> None:
        if isinstance(row, SocketRow):
            self._data(self.view.key).watched_sockets.add(identity(row))

    def action_pin(self) -> None:
        """The figure under the cursor in place of the last graph; once more takes it away."""
        row = self.rows.current
        figures = self._figures(row)
        if not figures:
            self.say(
                "m draws a counter, a peer or a socket: put the cursor on one (4 sockets, 5 counters)."
            )
            return
        self._watch_socket(row)
        wanted = (self.view.key, figures[0])
        if wanted in self.pinned:
            self.pinned.remove(wanted)
        else:
            self.pinned = [*self.pinned, wanted][-GRAPHS:]
        self.pull()

    def oldest(self) -> float | None:
        return self._data().history.since

    def action_pause(self) -> None:
        """The list stands still where it follows; else the graphs do."""
        if self.view.state.follow:
            self.rows.follow = not self.rows.follow
            self.time.hold(not self.rows.follow)
        else:
            self.time.hold(self.time.until is None)
        self._drawn.clear()
        self.pull()

    def action_sort(self) -> None:
        self.view.next_sort()
        self.pull()

    def action_again(self) -> None:
        """Count the conntrack table anew; the other lists are live by themselves."""
        if self.view.name == "conntrack":
            self.control.count_conntrack(self.view.key)
            self.say("Counting the table.")

    def action_propose(self) -> None:
        """A policy from the traffic that was seen, and what it would newly cut."""
        from diagnosis.reachability import policy_proposal
        from session.snapshot_builder import snapshot
        from tui.screens.text_view import Document

        moment = snapshot(self.store, self.control.now())
        pod = next((view.pod for view in moment.targets if view.key == self.key), None)
        if pod is None:
            self.say("A policy is of a pod: open one.")
            return
        text = policy_proposal.from_traffic(pod, moment)
        cut = policy_proposal.newly_cut(pod, text, moment)
        told = (
            "\n".join(f"# it would newly cut: {way}" for way in cut[:20])
            or "# it would cut nothing that is admitted now"
        )
        more = f"\n# and {len(cut) - 20} more" if len(cut) > 20 else ""
        self.app.push_screen(
            Document(f"A policy for {pod.namespace}/{pod.name}", f"{text}\n{told}{more}")
        )

    def action_compare(self) -> None:
        from tui.screens.compare import CompareScreen, candidates

        if not candidates(self.store, self.control, self.vantage):
            kind = self.vantage.partition("/")[0]
            self.say(
                f"To compare, open a healthy {kind}, too: esc, then enter on it in the cluster's list."
            )
            return
        self.app.push_screen(CompareScreen(self.store, self.control, self.vantage))

    def action_guide(self) -> None:
        from tui.screens.guide import GuideScreen

        if self.is_file or not self.control.live:
            self.say("This is a recording: nothing can be asked of it.")
        else:
            self.app.push_screen(GuideScreen(self.store, self.control, self.key))

    def action_group(self) -> None:
        """Sockets one by one, or by whom they speak to."""
        if not self.is_file:
            self._show(self.sockets if self.view is self.peers else self.peers)

    def action_vantage(self) -> None:
        if not self.node:
            self.say("Only one vantage point is open here.")
            return
        self.vantage = self.node if self.vantage == self.key else self.key
        self.sockets.key = self.peers.key = self.counters.key = self.vantage
        self.counters.state.columns = target_rows.counter_columns(scope_of(self.vantage))
        self._show(
            self.view if self.view in (self.sockets, self.peers, self.counters) else self.counters
        )

    def action_names(self) -> None:
        self.cells.mode = (self.cells.mode + 1) % 3
        self.rows.refresh()
        self.say(("Names.", "Names and addresses.", "Addresses.")[self.cells.mode])

    def action_zoom(self) -> None:
        if self.is_file:
            return
        self._zoom = (self._zoom + 1) % len(ZOOMS)
        self.query_one("#graphs").display = ZOOMS[self._zoom] != "list"
        self.rows.display = ZOOMS[self._zoom] != "graphs"
        self.set_class(ZOOMS[self._zoom] == "graphs", "only-graphs")

    def action_filter(self) -> None:
        box, data = self.query_one(FilterBox), self._data()
        if self.view is self.packets and not self.is_file:
            box.value = data.capture.filter if data.capture else ""
        elif self.view.has_words:
            box.value = self.view.words
        else:
            return
        box.placeholder = self.view.placeholder
        box.open(self.rows)

    def on_input_changed(self, event: Input.Changed) -> None:
        if self.view.has_words:
            self.view.words = event.value.strip()
            self.pull()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if self.view is self.packets:
            self.control.capture(self.key, event.value)
            self.rows.follow = True

    def action_capture(self) -> None:
        data = self._data()
        if self.is_file:
            self.say("This is a file: there is nothing to capture.")
        elif data.capture is not None and data.capture.phase == "running":
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
        if (box := self.query_one(FilterBox)).can_focus:
            box.close()
        elif len(self.app.screen_stack) > 2:  # the default screen and the cluster lie below
            self.app.pop_screen()
