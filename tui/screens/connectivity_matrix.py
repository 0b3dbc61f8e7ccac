"""The connectivity matrix: which workloads of a namespace may connect to which, on declared
ports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from textual.app import ComposeResult
from textual.widgets import Static

from collectors.events import PodRow
from diagnosis.reachability.cluster_state import ClusterState
from diagnosis.reachability.connectivity_matrix import reach
from diagnosis.reachability.deliveries import Delivery
from diagnosis.reachability.verdicts import Outcome
from session.controller import Controller
from session.path_text import cluster_of, path_report
from session.store import Store
from tui import format as fmt
from tui.actions import bindings
from tui.keymap import KEYS
from tui.panels.panel import joined
from tui.screens.base import ConsoleScreen, while_there
from tui.screens.text_view import Document
from tui.widgets.columns import Cell, Column
from tui.widgets.header import Header, HeaderData
from tui.widgets.key_footer import KeyFooter
from tui.widgets.row_list import RowList
from tui.widgets.target_tabs import Targets
from tui.widgets.text_line import TextLine

MOST = 40  # workloads: more do not fit on any screen
FALLBACK = (80, "TCP")  # where no pod declares a port
CELLS: dict[str, Cell] = {
    "all": ("✓", "good"),
    "none": ("✗", "bad"),
    "some": ("◐", "warn"),
    "unknown": ("?", "warn"),
    "self": ("·", "dim"),
}
NO_ADDRESS = (
    "no pod has an address: {matrix.back}, and {cluster.next_namespace} for another namespace"
)
TITLE = "FROM ↓ TO →"
LEGEND = " policies allow  ✓ all declared ports  ◐ some of them  ✗ none  ? not known"
Row = tuple[PodRow, list[str]]


def workloads(cluster: ClusterState, namespace: str) -> list[PodRow]:
    """A pod of each workload; '' for all namespaces."""
    first: dict[tuple[str, str], PodRow] = {}
    for pod in cluster.pods:
        if (not namespace or pod.namespace == namespace) and pod.ip:
            first.setdefault((pod.namespace, pod.workload or pod.name), pod)
    return sorted(first.values(), key=lambda p: (p.namespace, p.name))


def rows_of(cluster: ClusterState, namespace: str) -> list[Row]:
    """A word for each source and destination: all of its declared ports, some, none, unknown or
    self."""
    pods = workloads(cluster, namespace)[:MOST]
    parties = [cluster.party(pod) for pod in pods]
    ports = {port for pod in pods for port in _declared(pod)} or {FALLBACK}
    tables = {port: reach(parties, *port, cluster.policies.stacks) for port in ports}
    fallback = [min(ports)]
    wanted = [_declared(pod) or fallback for pod in pods]

    def outcome(a: int, b: int, port: tuple[int, str]) -> Outcome:
        if not parties[a].host:
            return tables[port].outcome(a, b)
        return Delivery.plain(parties[a], parties[b], *port).verdict(cluster).verdict

    rows: list[Row] = []
    for a, source in enumerate(pods):
        words = [_word([outcome(a, b, port) for port in ports]) for b, ports in enumerate(wanted)]
        words[a] = "self"
        rows.append((source, words))
    return rows


def unseen_in(cluster: ClusterState) -> str:
    """What is behind `?`, or missing from the rows."""
    spots = [spot.unseen for spot in cluster.blind.spots]
    return f"not seen: {', '.join(spots)}" if spots else ""


def _declared(pod: PodRow) -> list[tuple[int, str]]:
    return [(port.number, port.protocol) for port in pod.ports]


def _word(outcomes: list[Outcome]) -> str:
    """Of all declared ports; what is not known counts where it could change the answer."""
    kinds = set(outcomes)
    if kinds == {"allowed"}:
        return "all"
    if kinds == {"denied"}:
        return "none"
    return "some" if kinds == {"allowed", "denied"} else "unknown"


def short(pod: PodRow) -> str:
    return pod.workload.partition("/")[2] or pod.name


class MatrixScreen(ConsoleScreen):
    BINDINGS = bindings("matrix")
    AUTO_FOCUS = "#matrix"

    def __init__(self, store: Store, control: Controller, namespace: str) -> None:
        super().__init__(store, control)
        self.namespace = namespace
        self._rows: list[Row] = []

    def compose(self) -> ComposeResult:
        yield Header()
        yield Targets()
        yield Static("", id="summary", markup=False)
        yield Static("", id="notice", markup=False)
        yield RowList(
            (Column(TITLE, 30, lambda r: r[0].name),),
            KEYS.fill(NO_ADDRESS),
            lambda r: r[0].uid,
            id="matrix",
        )
        yield TextLine(id="status")
        yield KeyFooter()

    def pull(self) -> None:
        self.show_header()
        if self._drawn != self.store.inventory_revision:
            self._drawn = self.store.inventory_revision
            self.run_worker(while_there(self, self._draw()), exclusive=True)

    async def _draw(self) -> None:
        """A thousand pods need a moment: not on the event loop."""
        cluster = cluster_of(self.store)
        self._rows = await asyncio.to_thread(rows_of, cluster, self.namespace)
        rows = self.query_one("#matrix", RowList)
        rows.set_columns(_columns(self._rows))
        rows.show(self._rows)
        self._draw_around(cluster)

    def _draw_around(self, cluster: ClusterState) -> None:
        """What the rows are of, what is missing, and what the cells mean."""
        every = len(workloads(cluster, self.namespace))
        count = (
            f"the first {MOST} of {every} workloads"
            if every > MOST
            else fmt.many(every, "workload")
        )
        opens = KEYS.fill("{list.choose} shows the paths from a row") if every else ""
        where = f"namespace {self.namespace}" if self.namespace else "all namespaces"
        self.query_one("#summary", Static).update(joined([f"{count}, {where}", opens]))
        unseen, notice = unseen_in(cluster), self.query_one("#notice", Static)
        notice.display = bool(unseen)
        notice.update(f" ? depends on what was {unseen}")
        self.query_one("#status", TextLine).show(LEGEND)

    def header_data(self) -> HeaderData:
        return self.header("connectivity matrix", "live", "good", self.namespace or "all")

    def on_row_list_row_chosen(self, event: RowList.RowChosen) -> None:
        source: PodRow = event.row[0]
        others = [pod for pod, _ in self._rows if pod.uid != source.uid]
        paths = [path_report(self.store, source, pod) for pod in others]
        text = "\n".join(f"{title}\n{path}" for title, path in paths)
        self.app.push_screen(Document(f"Paths from {source.namespace}/{source.name}", text))

    def action_back(self) -> None:
        self.dismiss()


def _columns(rows: list[Row]) -> list[Column]:
    several = len({pod.namespace for pod, _ in rows}) > 1

    def name(row: Row) -> Cell:
        return f"{row[0].namespace}/{short(row[0])}" if several else short(row[0])

    return [
        Column(TITLE, 32, name),
        *(Column(short(pod), 63, _cell(place), tight=12) for place, (pod, _) in enumerate(rows)),
    ]


def _cell(place: int) -> Callable[[Row], Cell]:
    return lambda row: CELLS[row[1][place]]
