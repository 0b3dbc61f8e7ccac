"""What came first: findings, marks, what was written to the cluster, gaps and changes of the
cluster in one list, under a figure of the same time."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult

from collectors.kernel.derived_figures import FIGURES
from session.controller import Controller
from session.series import SeriesInfo
from session.store import Store
from session.timeline import TimelineEntry, joined
from tui import format as fmt, target_graphs
from tui.actions import bindings
from tui.keymap import KEYS
from tui.panels.panel import scope_of
from tui.screens.time_keys import TimeKeys
from tui.time_view import TimeView, time_status
from tui.widgets.columns import Cell, Column
from tui.widgets.graph import Graph
from tui.widgets.graph_plot import GraphData
from tui.widgets.header import Header, HeaderData
from tui.widgets.key_footer import KeyFooter
from tui.widgets.row_list import RowList
from tui.widgets.target_tabs import Targets
from tui.widgets.text_line import TextLine

WITH_FIGURE = 16  # rows of the terminal
DRAWN = ("retransmits", "drops", "conntrack", "opened", "failed")
NO_FIGURE = {
    True: "open a pod or a node to see its figures here",
    False: "none was recorded up to this time",
}  # by whether it is live
STYLES = {"mark": "name", "write": "good", "gap": "warn"}
Choice = tuple[str, SeriesInfo]  # the key of a target, and a figure of it


def _kind(entry: TimelineEntry) -> Cell:
    return entry.kind, "bad" if entry.bad else STYLES.get(entry.kind, "dim")


def _until(entry: TimelineEntry) -> Cell:
    """With its date where that is another day than it began."""
    if entry.open:
        return "ongoing", "warn"
    return (fmt.clock(entry.until, beside=entry.at), "dim") if entry.until is not None else ""


def _text(entry: TimelineEntry) -> Cell:
    text = f"{entry.author}: {entry.text}" if entry.author else entry.text
    return (text, "bad") if entry.bad else text


def columns(store: Store) -> tuple[Column, ...]:
    return (
        Column("FROM", 19, lambda entry: fmt.clock(entry.at, beside=store.latest)),
        Column("TO", 19, _until, rank=1),
        Column("KIND", 8, _kind),
        Column("WHERE", 30, lambda entry: (entry.where, "name"), rank=2, tight=20, tail=6),
        Column("WHAT", 0, _text, least=29),
    )


class TimelineScreen(TimeKeys):
    BINDINGS = bindings("timeline", "time")
    AUTO_FOCUS = "#timeline"

    def __init__(self, store: Store, control: Controller, key: str = "") -> None:
        super().__init__(store, control)
        self.key = key
        self.time = TimeView()
        self._chosen = 0

    def compose(self) -> ComposeResult:
        yield Header()
        yield Targets()
        yield Graph(id="timeline-figure")
        yield RowList(
            columns(self.store),
            KEYS.fill("nothing has happened yet: {app.mark} sets a mark"),
            lambda entry: (entry.at, entry.kind, entry.where, entry.text),
            id="timeline",
        )
        yield TextLine(id="status")
        yield KeyFooter()

    def on_resize(self, event: events.Resize) -> None:
        """On a small terminal the list comes first."""
        self.query_one("#timeline-figure", Graph).display = event.size.height >= WITH_FIGURE

    def choices(self) -> list[Choice]:
        """Figures of the targets that have any, those of the target that was looked at first."""
        known = [data for data in self.store.targets.values() if data.history.names()]
        known.sort(key=lambda data: data.key != self.key)
        return [(data.key, _figure(data.key, name)) for data in known for name in DRAWN]

    def pull(self) -> None:
        self.show_header()
        self.time.now = self.control.now()
        self._draw_figure()
        rows = self.query_one("#timeline", RowList)
        revision = (self.store.timeline.revision, self.store.findings.revision)
        if self._drawn != revision:
            self._drawn = revision
            rows.show(joined(self.store.timeline, self.store.findings))
        self.query_one("#status", TextLine).show(self._status(len(rows.rows)))

    def _status(self, count: int) -> str:
        shown = time_status(self.time, self.oldest())
        return f" {fmt.many(count, 'line')} · {shown}"

    def _draw_figure(self) -> None:
        graph = self.query_one("#timeline-figure", Graph)
        if (choice := self._choice()) is None:
            graph.show(GraphData("no figure", "", "", empty=NO_FIGURE[self.control.live]))
            return
        key, figure = choice
        place = target_graphs.GraphSpec(self.store.target(key), scope_of(key), self.time)
        graph.show(target_graphs.figure(figure, place))

    def _choice(self) -> Choice | None:
        choices = self.choices()
        return choices[self._chosen % len(choices)] if choices else None

    def oldest(self) -> float | None:
        choice = self._choice()
        return self.store.target(choice[0]).history.since if choice else None

    def header_data(self) -> HeaderData:
        return self.header("timeline", "live", "good")

    def on_row_list_row_chosen(self, event: RowList.RowChosen) -> None:
        """The figure at the time of the line, which is in the middle."""
        entry = event.row
        if isinstance(entry, TimelineEntry):
            self.time.until = min(self.time.now, entry.at + 60 * self.time.span)
            self.pull()

    def action_next_figure(self) -> None:
        self._chosen += 1
        self.pull()

    def action_back(self) -> None:
        """To the present, and from there to where one was."""
        if self.time.until is None:
            self.dismiss()
            return
        self.time.until = None
        self.pull()


def _figure(key: str, name: str) -> SeriesInfo:
    figure = FIGURES[name]
    where = key.partition("/")[2]
    return SeriesInfo(f"={name}", f"{name} {where}", figure.unit, figure.meaning)
