"""The screen of one target: four graphs, and one of its panels below them."""

from __future__ import annotations

from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.widgets import Input

from collectors.sockets.rates import identity
from collectors.sockets.rows import SocketRow
from session.controller import Controller
from session.store import Store
from session.target_data import TargetData
from tui.actions import bindings
from tui.keymap import KEYS
from tui.panels.graph_grid import GraphGrid
from tui.panels.panel import Panel
from tui.panels.target_panels import TargetPanels
from tui.screens.base import MOODS, CloseTarget, title_of
from tui.screens.capture_keys import CaptureKeys
from tui.screens.row_detail import RowDetails, figures_of
from tui.screens.time_keys import TimeKeys
from tui.time_view import time_status
from tui.widgets.filter_box import FilterBox
from tui.widgets.header import Header, HeaderData
from tui.widgets.key_footer import KeyFooter
from tui.widgets.list_tabs import TabBar
from tui.widgets.row_list import RowList
from tui.widgets.target_tabs import Targets
from tui.widgets.text_line import TextLine

STALE_S = 4.0
NOT_PINNED = (
    "{target.pin} graphs a counter, a peer or a socket: move the cursor to one"
    " ({target.tab(4)} or {target.tab(5)})."
)
HEALTHY = "{target.back}, select it in the list, {list.choose}"


class TargetScreen(CaptureKeys, TimeKeys):
    """`key` is the target's, `node` the key of the node that was opened with it, or ''."""

    BINDINGS = bindings("target", "time")
    AUTO_FOCUS = "#list"
    place = "target"

    def __init__(self, store: Store, control: Controller, key: str, node: str) -> None:
        super().__init__(store, control)
        self.key = key
        self.node = node
        self.panels = TargetPanels(store, key, node, live=control.live)
        self.details = RowDetails(store, control, key)
        self._graphs = GraphGrid(store, key, node)
        self.time = self._graphs.time

    def compose(self) -> ComposeResult:
        yield Header()
        yield Targets()
        yield self._graphs
        yield TabBar(tuple(self.panels.by_name), id="tabs")
        first = self.panels.packets.state
        yield RowList(first.columns, first.empty, first.identity, first.follow, id="list")
        yield TextLine(id="status")
        yield FilterBox(id="filter")
        yield KeyFooter()

    def on_resize(self, event: events.Resize) -> None:
        self._graphs.fit(event.size)

    def forget_drawn(self) -> None:
        super().forget_drawn()
        self.rows.follow = self.panels.current.state.follow  # paused at another time

    @property
    def data(self) -> TargetData:
        return self.store.target(self.key)

    @property
    def rows(self) -> RowList:
        return self.query_one("#list", RowList)

    def pull(self) -> None:
        self.show_header(self.key)
        if not self.is_file:
            self._graphs.draw(self.control.now())
        self._draw_list()
        self._draw_status()
        self.query_one(TabBar).show(self.panels.current.name, self.panels.notes())

    def _changed(self, name: str, *state: Any) -> bool:
        """Whether a part's state differs from what it shows."""
        if self._drawn.get(name) == state:
            return False
        self._drawn[name] = state
        return True

    def _paused(self) -> bool:
        return self.panels.current is self.panels.packets and not self.rows.follow

    def _draw_list(self) -> None:
        rows, panel, packets = self.rows, self.panels.current, self.panels.packets
        rush = panel is packets and packets.rush_by(self._drawn.get("reached"), rows.size.height)
        if not rush and not self._paused() and self._changed(panel.name, *panel.version()):
            rows.show(panel.rows())
            self._drawn["reached"] = packets.reached
        if not rows.rows and rows.empty != panel.empty():
            rows.empty = panel.empty()
            rows.refresh()

    def _draw_status(self) -> None:
        self.panels.packets.held = self._paused()
        text, bad = self.panels.current.status(len(self.rows.rows))
        if self.time.until is not None or self.time.zoom:
            text = f" graphs: {time_status(self.time, self.oldest())} ·{text}"
        self.query_one("#status", TextLine).show(text, bad)

    def header_data(self) -> HeaderData:
        data = self.data
        state, mood = data.phase, MOODS[data.phase]
        if data.phase == "live" and data.sample is not None:
            silent = self.control.now() - data.sample.at
            if silent > STALE_S:
                state, mood = f"no data for {silent:.0f} s", "warn"
        title, namespace = title_of(self.key, self.node)
        return self.header(title, state, mood, namespace)

    # --- panels

    def action_tab(self, number: int) -> None:
        if (panel := self.panels.at(number)) is not None:
            self._show(panel)

    def _show(self, panel: Panel) -> None:
        before, self.panels.current = self.panels.current, panel
        if panel.name == "conntrack" and panel.data.conntrack is None:
            self.control.targets.count_conntrack(panel.key)
        self._drawn.clear()
        self.rows.switch(before.state, panel.state, panel.rows())
        self.pull()

    @property
    def shown_view(self) -> str:
        return self.panels.current.name

    def show(self, view: str, words: str = "") -> None:
        if view in self.panels.by_name:
            self._show(self.panels.by_name[view])

    def on_tab_bar_list_chosen(self, event: TabBar.ListChosen) -> None:
        self._show(self.panels.by_name[event.name])

    def action_group(self) -> None:
        """Sockets one by one, or by peer."""
        if not self.is_file:
            self._show(self.panels.sockets_or_peers())

    def action_vantage(self) -> None:
        if self.node:
            self._show(self.panels.switch_vantage())
        else:
            self.say("Only this target is open: there is no node beside it to switch to.")

    def action_sort(self) -> None:
        self.panels.current.next_sort()
        self.pull()

    def action_names(self) -> None:
        cells = self.panels.packets.cells
        cells.mode = (cells.mode + 1) % 3
        self.rows.refresh()
        self.say(("Names.", "Names and addresses.", "Addresses.")[cells.mode])

    def action_again(self) -> None:
        """Count the conntrack table again; the other lists are live by themselves."""
        if self.panels.current.name != "conntrack" or self.is_refused():
            return
        if not self.is_recorded():
            self.control.targets.count_conntrack(self.panels.current.key)
            self.say("Counting the conntrack table.")

    # --- the row under the cursor

    def on_row_list_row_chosen(self, event: RowList.RowChosen) -> None:
        self._watch_socket(event.row)
        screen = self.details.screen(event.row, self.panels.current.key)
        if screen is not None:
            self.app.push_screen(screen)
        elif self.panels.current.name in ("packets", "flows"):
            self.say("The flow of this packet is no longer in the flow table.")

    def _watch_socket(self, row: object) -> None:
        if isinstance(row, SocketRow):
            self.store.target(self.panels.current.key).watched_sockets.add(identity(row))

    def action_pin(self) -> None:
        """The figure under the cursor in place of the last graph; a second time unpins it."""
        row = self.rows.current
        if not (figures := figures_of(row)):
            self.say(KEYS.fill(NOT_PINNED))
            return
        self._watch_socket(row)
        self._graphs.pin(self.panels.current.key, figures[0])
        self.pull()

    # --- graphs

    def oldest(self) -> float | None:
        return self.data.history.since

    def action_pause(self) -> None:
        """Pause the list where it follows, else the graphs."""
        if self.panels.current.state.follow:
            self.rows.follow = not self.rows.follow
            self.time.hold(not self.rows.follow)
        else:
            self.time.hold(self.time.until is None)
        self._drawn.clear()
        self.pull()

    def action_zoom(self) -> None:
        if self.is_file:
            return
        zoom = self._graphs.next_zoom()
        self.rows.display = zoom != "graphs"
        self.set_class(zoom == "graphs", "only-graphs")

    # --- filter

    def action_filter(self) -> None:
        box, panel = self.query_one(FilterBox), self.panels.current
        if panel is self.panels.packets and not self.is_file:
            if self.is_refused() or self.is_recorded():
                return
            box.value = self.capture_filter
        elif panel.has_words:
            box.value = panel.words
        else:
            return
        box.placeholder = panel.placeholder
        box.open(self.rows)

    def on_input_changed(self, event: Input.Changed) -> None:
        self._find(event.value)

    def _find(self, words: str) -> None:
        if self.panels.current.has_words:
            self.panels.current.words = words.strip()
            self.pull()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if self.panels.current is self.panels.packets:
            self.control.captures.start(self.key, event.value)
            self.rows.follow = True

    # --- other screens

    def action_propose(self) -> None:
        from tui.screens.policy_document import proposed_policy

        document = proposed_policy(self.store, self.key, self.control.now())
        if document is None:
            self.say("A NetworkPolicy selects pods: open a pod first.")
        else:
            self.app.push_screen(document)

    def action_compare(self) -> None:
        from tui.screens.compare import CompareScreen, candidates

        vantage = self.panels.vantage
        if candidates(self.store, self.control, vantage):
            self.app.push_screen(CompareScreen(self.store, self.control, vantage))
            return
        kind = vantage.partition("/")[0]
        self.say(f"Open a healthy {kind} to compare with: {KEYS.fill(HEALTHY)}.")

    def action_close(self) -> None:
        self.post_message(CloseTarget(self.key))

    def action_back(self) -> None:
        """One step: leaves the text box, or drops the filter, or leaves the screen."""
        if (box := self.query_one(FilterBox)).can_focus:
            box.close()
            self._find("")
        elif self.panels.current.words:
            self._find("")
        elif len(self.app.screen_stack) > 2:  # the default screen and the cluster lie below
            self.dismiss()
