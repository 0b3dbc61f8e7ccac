"""The four graphs of a target. Pinned figures replace the last of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Grid
from textual.geometry import Size

from session.series import SeriesInfo
from session.store import Store
from tui.panels.panel import scope_of
from tui.time_view import TimeView
from tui.widgets.graph import Graph

if TYPE_CHECKING:
    from tui.target_graphs import GraphSpec

NAMES = ("conntrack", "retransmits", "connections", "drops")
WITH_GRAPHS = 16  # rows of a terminal that has room for them and a list
ZOOMS = ("both", "list", "graphs")
Pinned = tuple[str, SeriesInfo]  # a target's key, and one of its figures


class GraphGrid(Grid):
    """`key` is the target's, `node` that of the node beside it or ''."""

    def __init__(self, store: Store, key: str, node: str) -> None:
        super().__init__(id="graphs")
        self.store = store
        self.key = key
        self.node = node
        self.time = TimeView()
        self._pinned: list[Pinned] = []
        self._zoom = 0
        self._has_room = True
        self._show()

    def compose(self) -> ComposeResult:
        for name in NAMES:
            yield Graph(id=name)

    def _show(self) -> None:
        """Not of a file; on a small terminal the list comes first."""
        zoom = ZOOMS[self._zoom]
        is_shown = zoom == "graphs" or (zoom == "both" and self._has_room)
        self.display = is_shown and not self.key.startswith("pcap/")

    def next_zoom(self) -> str:
        """What is shown from now on: list and graphs, or one of them."""
        self._zoom = (self._zoom + 1) % len(ZOOMS)
        self._show()
        return ZOOMS[self._zoom]

    def fit(self, screen: Size) -> None:
        self._has_room = screen.height >= WITH_GRAPHS
        self._show()
        self.set_class(screen.height < 30, "low")
        self.set_class(screen.height >= 45, "high")
        self.set_class(screen.width >= 180, "row")

    def pin(self, key: str, figure: SeriesInfo) -> None:
        """Draw a figure in place of one of the four; a second time unpins it."""
        wanted = (key, figure)
        if wanted in self._pinned:
            self._pinned.remove(wanted)
        else:
            self._pinned = [*self._pinned, wanted][-len(NAMES) :]

    def _spec(self, key: str) -> GraphSpec:
        from tui.target_graphs import GraphSpec

        return GraphSpec(self.store.target(key), scope_of(key), self.time)

    def draw(self, now: float) -> None:
        from tui import target_graphs  # with its rules: the lists are drawn before the graphs

        self.time.now = now
        pod, node = self._spec(self.key), self._spec(self.node or self.key)
        standard = [
            target_graphs.conntrack(node),
            target_graphs.retransmits(pod),
            target_graphs.connections(pod),
            target_graphs.drops(node, pod),
        ]
        pinned = [target_graphs.figure(figure, self._spec(key)) for key, figure in self._pinned]
        shown = standard[: len(NAMES) - len(pinned)] + pinned
        for name, data in zip(NAMES, shown, strict=True):
            self.query_one(f"#{name}", Graph).show(data)
