"""The cluster: namespaces, pods, nodes and Services; filter as you type; Enter opens."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Footer, Input, Static

from collectors.cluster.attach.planner import Offer
from collectors.errors import PodwireError
from collectors.events import NodeRow, PodRow, Row, ServiceRow
from session import path_text
from session.targets import target_of
from tui import format as fmt
from tui.actions import bindings
from tui.screens.access import Access
from tui.screens.attach import Attach, AttachChoice
from tui.screens.base import ConsoleScreen, ShowTarget
from tui.screens.connectivity_matrix import MatrixScreen
from tui.screens.text_view import Document
from tui.widgets.filter_box import FilterBox
from tui.widgets.header import Header, HeaderData
from tui.widgets.row_list import Cell, Column, RowList
from tui.widgets.target_tabs import Targets

GOOD_PHASES = ("Running", "Succeeded", "Completed")


def _phase(row: PodRow) -> Cell:
    have, _, want = row.ready.partition("/")
    if row.phase not in GOOD_PHASES:
        return row.phase, "warn" if row.phase in (
            "Pending",
            "ContainerCreating",
            "Terminating",
        ) else "bad"
    return (row.phase, "warn") if have != want and row.phase == "Running" else (row.phase, "")


def _ready(row: PodRow) -> Cell:
    have, _, want = row.ready.partition("/")
    return (row.ready, "warn") if have != want else row.ready


def pod_columns(now: Callable[[], float]) -> tuple[Column, ...]:
    return (
        *POD_COLUMNS,
        Column("AGE", 5, lambda r: (fmt.age(now() - r.created), "dim"), right=True, rank=5),
    )


POD_COLUMNS = (
    Column("NAMESPACE", 20, lambda r: (r.namespace, "dim"), rank=1),
    Column("POD", 0, lambda r: r.name),
    Column("READY", 5, _ready, right=True),
    Column("STATUS", 17, _phase),
    Column(
        "RESTARTS",
        8,
        lambda r: (str(r.restarts), "warn" if r.restarts else "dim"),
        right=True,
        rank=4,
    ),
    Column("IP", 39, lambda r: r.ip or fmt.NONE, rank=3),
    Column("NODE", 40, lambda r: r.node or fmt.NONE, rank=2),
)
NODE_COLUMNS = (
    Column("NODE", 0, lambda r: r.name),
    Column("READY", 6, lambda r: ("yes", "good") if r.ready else ("no", "bad")),
    Column("ADDRESS", 16, lambda r: r.address),
    Column("ZONE", 14, lambda r: r.zone or fmt.NONE, rank=1),
    Column("OS", 8, lambda r: r.os, rank=3),
    Column("ARCH", 8, lambda r: r.arch, rank=2),
)
SERVICE_COLUMNS = (
    Column("NAMESPACE", 14, lambda r: (r.namespace, "dim"), rank=2),
    Column("SERVICE", 0, lambda r: r.name),
    Column("TYPE", 12, lambda r: r.type, rank=1),
    Column("ADDRESS", 16, lambda r: ", ".join(r.ips) or "headless"),
    Column("PORTS", 22, lambda r: ", ".join(r.ports)),
)
VIEWS = {"nodes": NODE_COLUMNS, "services": SERVICE_COLUMNS}
NAMESPACE_COLUMNS = (
    Column("NAMESPACE", 0, lambda r: r[0] or "all"),
    Column("PODS", 5, lambda r: (str(r[1]), "dim"), right=True),
)


def not_well(row: Row) -> bool:
    """Whether a pod deserves a look."""
    if not isinstance(row, PodRow):
        return False
    if row.phase != "Running":
        return row.phase not in GOOD_PHASES
    have, _, want = row.ready.partition("/")
    return have != want


WAITING = "waiting for the cluster's list"


class ClusterScreen(ConsoleScreen):
    BINDINGS = bindings("cluster")
    place = "cluster"
    AUTO_FOCUS = "#main"

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.view = "pods"
        self._asking: PodRow | None = None
        self.namespace: str | None = None
        self.text = ""
        self._drawn: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        yield Header()
        yield Targets()
        yield Static("", id="summary", markup=False)
        yield Static("", id="notice", markup=False)
        with Horizontal(id="lists"):
            yield RowList(NAMESPACE_COLUMNS, id="namespaces", empty="", identity=lambda row: row[0])
            identity = attrgetter("kind", "namespace", "name")
            yield RowList(self._columns("pods"), id="main", empty=WAITING, identity=identity)
        yield FilterBox(id="filter", placeholder="words to find; ! in front inverts; esc clears")
        yield Footer()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= 110, "wide-enough")

    def pull(self) -> None:
        if self.namespace is None and self.store.start is not None:
            self.namespace = self.store.start.namespace
        drawn = (
            self._broken(),
            self._beside(),
            self.store.inventory_revision,
            self.view,
            self.namespace,
            self.text,
        )
        if drawn != self._drawn:
            self._drawn = drawn
            self._draw()
        elif self.control.live:
            self.query_one("#main").refresh()  # ages grow though nothing changes
        self.show_header()

    def _draw(self) -> None:
        listing = self.store.listing(self.view)
        main = self.query_one("#main", RowList)
        columns = self._columns(self.view)
        if [c.title for c in columns] != [c.title for c in main.columns]:
            main.set_columns(columns)
        refused = self.store.refused.get(self.view)
        main.empty = refused or ("nothing matches" if self.text else "nothing here")
        if self.view not in self.store.inventory and not refused:
            main.empty = WAITING
        shown = listing.rows("" if self.view == "nodes" else self.namespace or "", self.text)
        main.show(shown)
        self.query_one("#namespaces", RowList).show(self._namespaces())
        where = (
            "all namespaces"
            if not self.namespace or self.view == "nodes"
            else f"namespace {self.namespace}"
        )
        filtered = f", matching “{self.text}”" if self.text else ""
        bad = sum(map(not_well, shown))
        trouble = f" · {bad} not well" if bad else ""
        summary = f" {len(shown)} {self.view}, {where}{filtered}{trouble} · enter opens"
        if broken := self._broken():
            summary = f" As it was when the connection broke. {broken}"
        self.query_one("#summary", Static).update(summary)
        self._draw_notice()

    def _draw_notice(self) -> None:
        """One line, only where there is something to know: what was left behind, else what is not allowed."""
        notice, text = self.query_one("#notice", Static), ""
        here = [row for row in self.store.left if row.here]
        if here:
            more = f" and {len(here) - 1} more" if len(here) > 1 else ""
            text = f" x removes what an earlier console left: {here[0].namespace}/{here[0].pod} on {here[0].node}{more}"
        elif beside := self._beside():
            text = f" {beside}"
        elif self.store.left:
            contexts = ", ".join(sorted({row.context for row in self.store.left}))
            text = f" An earlier console left something in {contexts}: `podwire clean` removes it"
        elif self.store.access is not None and (lacking := self.store.access.refused):
            text = f" p tells what is not allowed here: {', '.join(row.use for row in lacking)}"
        notice.display = bool(text)
        notice.update(text)

    def _broken(self) -> str:
        """Why the lists are no longer followed; '' while they are."""
        lists = self.store.targets.get("cluster")
        return lists.message if lists is not None and lists.phase == "gap" else ""

    def _beside(self) -> str:
        """Which lists are not followed though the others are."""
        lists = self.store.targets.get("cluster")
        return lists.message if lists is not None and lists.phase == "live" else ""

    def _namespaces(self) -> list[tuple[str, int]]:
        counts = self.store.listing("pods").counts
        names = sorted({*counts, *(row.name for row in self.store.rows("namespaces"))})
        return [("", sum(counts.values())), *((name, counts.get(name, 0)) for name in names)]

    def header_data(self) -> HeaderData:
        start = self.store.start
        if start is None:
            return HeaderData(state="connecting", mood="warn")
        state = ("live", "good") if self.store.listing("pods") else ("listing", "warn")
        if self._broken():
            state = ("not live", "bad")
        return HeaderData(start.context, self.namespace or "", "", start.user, *state)

    # --- what keys do

    def _columns(self, view: str) -> tuple[Column, ...]:
        """A column of one and the same namespace is left out: the header and the summary say it."""
        every = pod_columns(self.control.now) if view == "pods" else VIEWS[view]
        return every[1:] if self.namespace and every[0].title == "NAMESPACE" else every

    def _show_view(self, view: str) -> None:
        self.view = view
        main = self.query_one("#main", RowList)
        main.set_columns(self._columns(view))
        main.show((), keep=False)
        self.pull()

    def show(self, view: str, words: str = "") -> None:
        self.text, self.namespace = words, ""
        box = self.query_one("#filter", FilterBox)
        with box.prevent(Input.Changed):
            box.value = words
        self._show_view(view)

    def action_pods(self) -> None:
        self._show_view("pods")

    def action_nodes(self) -> None:
        self._show_view("nodes")

    def action_services(self) -> None:
        self._show_view("services")

    def action_reach(self) -> None:
        """Two keys: the pod that asks, then the pod or Service that is asked."""
        row = self.query_one("#main", RowList).current
        if self._asking is None:
            if not isinstance(row, PodRow):
                self.say("Put the cursor on the pod that opens the connection, then b.")
                return
            self._asking = row
            self.say(
                f"From {row.name}. Now b on the pod or Service that it wants to reach (key 1: pods, 3: Services)."
            )
            return
        asking, self._asking = self._asking, None
        if isinstance(row, (PodRow, ServiceRow)):
            self.app.push_screen(Document(*path_text.told(self.store, asking, row)))

    def action_matrix(self) -> None:
        namespace = self.namespace or ""
        self.app.push_screen(MatrixScreen(self.store, self.control, namespace))

    def action_local(self) -> None:
        self.post_message(ShowTarget(self.control.targets.watch_this_machine()))

    def action_access(self) -> None:
        if self.store.access is None or self.store.start is None:
            self.say("What is allowed here has not been asked.")
            return
        self.app.push_screen(Access(self.store.access, self.store.start.user))

    def action_clean(self) -> None:
        if any(row.here for row in self.store.left):
            self.run_worker(self._clean())
        else:
            self.say("Nothing of an earlier console is left in this cluster.")

    async def _clean(self) -> None:
        try:
            for outcome in await self.control.require_cluster().clean():
                self.say(outcome.text, "warning" if outcome.stays else "information")
        except PodwireError as error:
            self.say(str(error), "error")

    def action_filter(self) -> None:
        self.query_one(FilterBox).open(self.query_one("#main"))

    def on_input_changed(self, event: Input.Changed) -> None:
        self.text = event.value.strip()
        self.pull()

    def action_back(self) -> None:
        """Leaves the text box, and shows everything again."""
        box = self.query_one(FilterBox)
        box.value = ""
        if box.can_focus:
            box.close()

    def _step_namespace(self, by: int) -> None:
        names = [name for name, _ in self._namespaces()]
        place = names.index(self.namespace or "") if (self.namespace or "") in names else 0
        self.namespace = names[(place + by) % len(names)]
        self.pull()

    def action_next_namespace(self) -> None:
        self._step_namespace(1)

    def action_previous_namespace(self) -> None:
        self._step_namespace(-1)

    def on_row_list_row_chosen(self, event: RowList.RowChosen) -> None:
        if event.rows.id == "namespaces":
            self.namespace = event.row[0]
            self.set_focus(self.query_one("#main", RowList))
            self.pull()
        else:
            self._open(event.row)

    def _open(self, row: Row) -> None:
        if isinstance(row, ServiceRow):
            self.say(
                f"A Service has no namespace of its own to look at: open one of the pods behind {row.name}."
            )
            return
        if not isinstance(row, (PodRow, NodeRow)):
            return
        agreed = self.control.targets.choices.get(_identity(row))
        if self.control.is_lab or not self.control.live or self.control.settings.yes or agreed:
            self._watch(row, agreed or "both")
            return
        target = target_of(row)
        self.app.push_screen(
            Attach(self.control, target), lambda answer: self._answered(row, answer)
        )

    def _answered(self, row: PodRow | NodeRow, answer: AttachChoice | None) -> None:
        if answer is None:
            return
        if answer.offer is not None or answer.chosen == "node":
            self.control.targets.choices[_identity(row)] = answer.chosen
        self._watch(row, answer.chosen, answer.offer, answer.beside)

    def _watch(
        self,
        row: PodRow | NodeRow,
        chosen: str,
        offer: Offer | None = None,
        beside: Offer | None = None,
    ) -> None:
        if isinstance(row, NodeRow):
            target = self.control.targets.watch_node(row.name, offer)
            self.post_message(ShowTarget(target.key))
            return
        node = (
            self.control.targets.watch_node(row.node, beside).key
            if chosen != "pod" and row.node
            else ""
        )
        key = node if chosen == "node" else self.control.targets.watch_pod(row, offer).key
        self.post_message(ShowTarget(key, "" if key == node else node))


def _identity(row: PodRow | NodeRow) -> str:
    """A pod by its uid: one of the same name is asked about again."""
    return row.uid if isinstance(row, PodRow) else f"node/{row.name}"
