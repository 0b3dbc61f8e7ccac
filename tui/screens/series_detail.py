"""Figures of one thing over time, large: a counter, or all that is kept of a peer or a socket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from textual.app import ComposeResult
from textual.containers import Grid
from textual.widgets import Static

from session.controller import Controller
from session.series import SeriesInfo
from session.store import Store
from tui import target_graphs
from tui.actions import bindings
from tui.panels.panel import scope_of
from tui.screens.base import MOODS, title_of
from tui.screens.time_keys import TimeKeys
from tui.time_view import TimeView, time_status
from tui.widgets.graph import Graph
from tui.widgets.header import Header, HeaderData
from tui.widgets.key_footer import KeyFooter
from tui.widgets.target_tabs import Targets
from tui.widgets.text_line import TextLine


class FigureScreen(TimeKeys):
    """`key` is the target that the figures are of."""

    BINDINGS = bindings("figure", "time")

    def __init__(
        self,
        store: Store,
        control: Controller,
        *,
        key: str,
        figures: Sequence[SeriesInfo],
        name: str,
    ) -> None:
        super().__init__(store, control)
        self.key = key
        self.figures = tuple(figures)
        self.title_text = name
        self.time = TimeView()

    def compose(self) -> ComposeResult:
        yield Header()
        yield Targets()
        yield Static(f" {self.title_text}", id="figure-title", markup=False)
        yield Static(self._about(), id="figure-about", markup=False)
        with Grid(id="figures", classes="one" if len(self.figures) == 1 else ""):
            for number in range(len(self.figures)):
                yield Graph(id=f"figure-{number}")
        yield TextLine(id="status")
        yield KeyFooter()

    def pull(self) -> None:
        self.show_header(self.key)
        self.time.now = self.control.now()
        place = target_graphs.GraphSpec(self.store.target(self.key), scope_of(self.key), self.time)
        for number, figure in enumerate(self.figures):
            short = replace(
                target_graphs.figure(figure, place), title=figure.title.rpartition(": ")[2]
            )
            self.query_one(f"#figure-{number}", Graph).show(short)
        self.query_one("#status", TextLine).show(f" {time_status(self.time, self.oldest())}")

    def _about(self) -> str:
        first = self.figures[0]
        if len(self.figures) == 1:
            return f"{first.meaning} ({first.source})"
        return " · ".join(
            f"{figure.title.rpartition(': ')[2]}: {figure.meaning}" for figure in self.figures
        )

    def oldest(self) -> float | None:
        data = self.store.target(self.key)
        return (data.peer_history if self.figures[0].of_peers else data.history).since

    def header_data(self) -> HeaderData:
        phase = self.store.target(self.key).phase
        title, namespace = title_of(self.key)
        return self.header(title, phase, MOODS[phase], namespace)

    def action_pause(self) -> None:
        self.time.hold(self.time.until is None)
        self.pull()

    def action_back(self) -> None:
        self.dismiss()
