"""Who may reach whom: the workloads of a namespace against each other, on the ports that they declare."""

from __future__ import annotations

import asyncio
from functools import partial

from textual.app import ComposeResult
from textual.widgets import Footer

from collectors.events import PodRow
from diagnosis.reachability.connectivity_matrix import reach
from diagnosis.reachability.path import ClusterState
from session.controller import Controller
from session.path_text import cluster_of, told
from session.store import Store
from tui.actions import bindings
from tui.screens.base import ConsoleScreen, while_there
from tui.screens.text_view import Document
from tui.widgets.header import Header, HeaderData
from tui.widgets.row_list import Cell, Column, RowList
from tui.widgets.target_tabs import Targets
from tui.widgets.text_line import TextLine

MOST = 40  # workloads: more do not fit on any screen
CELLS: dict[str, Cell] = {
    "all": ("✓", "good"),
    "none": ("✗", "bad"),
    "some": ("◐", "warn"),
    "self": ("·", "dim"),
}
Row = tuple[PodRow, list[str]]


def workloads(cluster: ClusterState, namespace: str) -> list[PodRow]:
    """A pod of each workload; '' for all namespaces."""
    first: dict[tuple[str, str], PodRow] = {}
    for pod in cluster.pods:
        if (not namespace or pod.namespace == namespace) and pod.ip:
            first.setdefault((pod.namespace, pod.workload or pod.name), pod)
    return sorted(first.values(), key=lambda p: (p.namespace, p.name))[:MOST]


def rows_of(cluster: ClusterState, namespace: str) -> list[Row]:
    """For each workload what it may reach of each other: all of the ports that it declares, some, or none."""
    pods = workloads(cluster, namespace)
    parties = [cluster.party(pod) for pod in pods]
    ports = {(p.number, p.protocol) for pod in pods for p in pod.ports} or {(80, "TCP")}
    tables = {port: reach(parties, *port, cluster.policies) for port in ports}
    rows = []
    for a, source in enumerate(pods):
        words = []
        for b, target in enumerate(pods):
            wanted = [(p.number, p.protocol) for p in target.ports] or [next(iter(sorted(ports)))]
            good = sum(tables[port][a][b] for port in wanted)
            words.append(
                "self" if a == b else "all" if good == len(wanted) else "some" if good else "none"
            )
        rows.append((source, words))
    return rows


def short(pod: PodRow) -> str:
    return pod.workload.partition("/")[2] or pod.name


class MatrixScreen(ConsoleScreen):
    BINDINGS = bindings("matrix")
    AUTO_FOCUS = "#matrix"

    def __init__(self, store: Store, control: Controller, namespace: str) -> None:
        super().__init__(store, control)
        self.namespace = namespace
        self._drawn = -1
        self._rows: list[Row] = []

    def compose(self) -> ComposeResult:
        yield Header()
        yield Targets()
        yield RowList(
            (Column("FROM ↓ TO →", 30, lambda r: r[0].name),),
            "no pods with an address",
            lambda r: r[0].uid,
            id="matrix",
        )
        yield TextLine(id="status")
        yield Footer()

    def pull(self) -> None:
        self.show_header()
        if self._drawn != self.store.inventory_revision:
            self._drawn = self.store.inventory_revision
            self.run_worker(while_there(self, self._draw()), exclusive=True)

    async def _draw(self) -> None:
        """A thousand pods take a moment: not on the event loop."""
        cluster = cluster_of(self.store)
        self._rows = await asyncio.to_thread(rows_of, cluster, self.namespace)
        several = len({row[0].namespace for row in self._rows}) > 1

        def name(row: Row) -> Cell:
            return f"{row[0].namespace}/{short(row[0])}" if several else short(row[0])

        columns = [Column("FROM ↓ TO →", 32, name)]
        for place, (pod, _) in enumerate(self._rows):
            columns.append(
                Column(short(pod)[:12], 12, partial(lambda place, row: CELLS[row[1][place]], place))
            )
        rows = self.query_one("#matrix", RowList)
        rows.set_columns(columns)
        rows.show(self._rows)
        where = f"namespace {self.namespace}" if self.namespace else "all namespaces"
        self.query_one("#status", TextLine).show(
            f" {where} · enter: why · by NetworkPolicies: ✓ all declared ports ◐ some ✗ none"
        )

    def header_data(self) -> HeaderData:
        start = self.store.start
        context, user = (start.context, start.user) if start else ("", "")
        state = "live" if self.control.live else "recorded"
        return HeaderData(context, self.namespace, "who reaches whom", user, state, "good")

    def on_row_list_row_chosen(self, event: RowList.RowChosen) -> None:
        source: PodRow = event.row[0]
        texts = []
        for pod, _ in self._rows:
            if pod.uid != source.uid:
                title, text = told(self.store, source, pod)
                texts.append(f"{title}\n{text}")
        self.app.push_screen(
            Document(f"What {source.namespace}/{source.name} may reach", "\n".join(texts))
        )

    def action_back(self) -> None:
        self.app.pop_screen()
