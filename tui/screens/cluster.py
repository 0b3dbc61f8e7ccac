"""The cluster: namespaces, pods, nodes and Services; filter as you type; Enter opens."""

from __future__ import annotations

from operator import attrgetter

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input, Static

from collectors.cluster.inventory.short_names import shortened
from collectors.errors import PodwireError
from collectors.events import PodRow, Row, ServiceRow
from session.controller import Controller
from session.path_text import path_report
from session.store import Store
from tui import format as fmt
from tui.actions import bindings
from tui.keymap import KEYS
from tui.pod_sparklines import PodSparklines
from tui.screens.access import Access
from tui.screens.base import ShowTarget
from tui.screens.cluster_columns import NAMESPACE_COLUMNS, columns, is_unhealthy
from tui.screens.cluster_notices import disconnected, not_followed, notice
from tui.screens.connectivity_matrix import MatrixScreen
from tui.screens.target_opener import TargetOpener
from tui.screens.text_view import Document
from tui.widgets.columns import Column
from tui.widgets.filter_box import FilterBox
from tui.widgets.header import Header, HeaderData
from tui.widgets.key_footer import KeyFooter
from tui.widgets.row_list import RowList
from tui.widgets.target_tabs import Targets

WAITING = "waiting for the API server's list: {cluster.access} shows what you may list"
FILTER = "words to find; ! in front excludes; {cluster.back} clears"
LISTED = {"1": "pods", "2": "nodes", "3": "services"}

NO_MATCH = "{cluster.back} clears the filter"
SOURCE = "Move the cursor to the pod that opens the connection, and press {cluster.reach}."
DESTINATION = (
    "{cluster.reach} on a pod ({cluster.pods}) or a Service ({cluster.services});"
    " {cluster.back} cancels"
)
NO_DESTINATION = (
    "The destination is a pod or a Service (keys {cluster.pods} and {cluster.services})."
    " {cluster.back} cancels."
)


def other_lists(view: str) -> str:
    """Their keys."""
    return " or ".join(KEYS.fill(f"{{cluster.{one}}}") for one in LISTED.values() if one != view)


class ClusterScreen(TargetOpener):
    BINDINGS = bindings("cluster")
    place = "cluster"
    AUTO_FOCUS = "#main"

    def __init__(self, store: Store, control: Controller, wanted: str = "") -> None:
        super().__init__(store, control)
        self.wanted = wanted
        self.view = "pods"
        self.namespace: str | None = None
        self.text = ""
        self._over_time = PodSparklines(store, control.now)
        self._source: PodRow | None = None  # of the path that is asked for

    def compose(self) -> ComposeResult:
        yield Header()
        yield Targets()
        yield Static("", id="summary", markup=False)
        yield Static("", id="notice", markup=False)
        with Horizontal(id="lists"):
            yield RowList(NAMESPACE_COLUMNS, id="namespaces", empty="", identity=lambda row: row[0])
            identity = attrgetter("kind", "namespace", "name")
            yield RowList(self._columns(), id="main", empty=KEYS.fill(WAITING), identity=identity)
        yield FilterBox(id="filter", placeholder=KEYS.fill(FILTER))
        yield KeyFooter()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= 110, "wide-enough")

    @property
    def main(self) -> RowList:
        return self.query_one("#main", RowList)

    # --- drawing

    def pull(self) -> None:
        if self.namespace is None and self.store.start is not None:
            self.namespace = self.store.start.namespace
        drawn = (
            disconnected(self.store),
            not_followed(self.store),
            self.store.inventory_revision,
            self.view,
            self.namespace,
            self.text,
            self._over_time.has_watched,
            self._source,
        )
        if drawn != self._drawn:
            self._drawn = drawn
            self._draw()
        elif self.control.live or self.control.joined or self.control.replay:
            self.main.refresh()  # ages grow though nothing changes
        self.show_header()
        self.open_wanted()

    def _draw(self) -> None:
        self._draw_columns()
        self.main.empty = self._empty()
        shown = self._shown_rows()
        self.main.show(shown)
        self.query_one("#namespaces", RowList).show(self.namespaces())
        summary = self._summary(len(shown), sum(map(is_unhealthy, shown)))
        self.query_one("#summary", Static).update(summary)
        self._draw_notice()

    def _draw_columns(self) -> None:
        wanted = self._columns()
        if [c.title for c in wanted] != [c.title for c in self.main.columns]:
            self.main.set_columns(wanted)

    def _columns(self) -> tuple[Column, ...]:
        return columns(self.view, self.namespace, self.control.now, self._over_time)

    def _shown_rows(self) -> list[Row]:
        namespace = "" if self.view == "nodes" else self.namespace or ""
        return self.store.listing(self.view).rows(namespace, self.text)

    def _draw_notice(self) -> None:
        text, line = notice(self.store, self.control.live), self.query_one("#notice", Static)
        line.display = bool(text)
        line.update(f" {text}")

    def _empty(self) -> str:
        if refused := self.store.refused.get(self.view):
            return refused
        if self.view not in self.store.inventory:
            return KEYS.fill(WAITING)
        if self.text:
            return f"nothing matches {fmt.quoted(self.text)}: {KEYS.fill(NO_MATCH)}"
        if self.namespace and self.view != "nodes":
            hint = KEYS.fill("{cluster.next_namespace} shows the next namespace")
            return f"no {self.view} in {self.namespace}: {hint}"
        return f"no {self.view}: {other_lists(self.view)} shows what else there is"

    def _summary(self, shown: int, unhealthy: int) -> str:
        if why := disconnected(self.store):
            return f" Not live: this is the state when the connection broke. {why}"
        if self._source is not None:
            return f" Path from {shortened(self._source.name)} to: {KEYS.fill(DESTINATION)}"
        where = f"namespace {self.namespace}"
        if not self.namespace or self.view == "nodes":
            where = "all namespaces"
        filtered = f", matching {fmt.quoted(self.text)}" if self.text else ""
        trouble = f" · {unhealthy} unhealthy" if unhealthy else ""
        can_open = shown and self.view != "services"
        opens = KEYS.fill(" · {list.choose} opens") if can_open else ""
        return f" {fmt.many(shown, self.view[:-1])}, {where}{filtered}{trouble}{opens}"

    def namespaces(self) -> list[tuple[str, int]]:
        counts = self.store.listing("pods").counts
        names = sorted({*counts, *(row.name for row in self.store.rows("namespaces"))})
        return [("", sum(counts.values())), *((name, counts.get(name, 0)) for name in names)]

    def header_data(self) -> HeaderData:
        if self.store.start is None:
            return HeaderData(state="connecting", mood="warn")
        namespace = self.namespace or "all"
        if disconnected(self.store):
            return self.header("", "not live", "bad", namespace)
        if self.store.listing("pods"):
            return self.header("", "live", "good", namespace)
        return self.header("", "listing", "warn", namespace)

    # --- which list

    def _show_view(self, view: str) -> None:
        self.view = view
        self.main.set_columns(self._columns())
        self.main.show((), keep=False)
        self.forget_drawn()  # of the same view as before, the rows are not there any more
        self.pull()

    @property
    def shown_view(self) -> str:
        return str(self.view)

    def show(self, view: str, words: str = "") -> None:
        self.text, self.namespace = words, ""
        box = self.query_one("#filter", FilterBox)
        with box.prevent(Input.Changed):
            box.value = words
        self._show_view(view)
        self.main.put_cursor(lambda row: words in (row.name, f"{row.namespace}/{row.name}"))

    def action_pods(self) -> None:
        self._show_view("pods")

    def action_nodes(self) -> None:
        self._show_view("nodes")

    def action_services(self) -> None:
        self._show_view("services")

    def _step_namespace(self, by: int) -> None:
        names = [name for name, _ in self.namespaces()]
        here = self.namespace or ""
        place = names.index(here) if here in names else 0
        self.namespace = names[(place + by) % len(names)]
        self.pull()

    def action_next_namespace(self) -> None:
        self._step_namespace(1)

    def action_previous_namespace(self) -> None:
        self._step_namespace(-1)

    def on_row_list_row_chosen(self, event: RowList.RowChosen) -> None:
        if event.rows.id == "namespaces":
            self.choose_namespace(event.row[0])
        else:
            self.open_row(event.row)

    def choose_namespace(self, name: str) -> None:
        self.namespace = name
        self.set_focus(self.main)
        self.pull()

    # --- filter

    def action_filter(self) -> None:
        self.query_one(FilterBox).open(self.main)

    def on_input_changed(self, event: Input.Changed) -> None:
        self.text = event.value.strip()
        self.pull()

    def action_back(self) -> None:
        """Leaves the text box and shows everything again; forgets the source of a path."""
        box = self.query_one(FilterBox)
        box.value = ""
        if box.can_focus:
            box.close()
        self._source = None

    # --- other screens

    def action_reach(self) -> None:
        """Two keys: on the source, a pod, and on the destination, a pod or Service."""
        row = self.main.current
        if self._source is None:
            self._choose_source(row)
        elif isinstance(row, (PodRow, ServiceRow)):
            source, self._source = self._source, None
            self.app.push_screen(Document(*path_report(self.store, source, row)))
        else:
            self.say(KEYS.fill(NO_DESTINATION))

    def _choose_source(self, row: object) -> None:
        if isinstance(row, PodRow):
            self._source = row
        else:
            self.say(KEYS.fill(SOURCE))

    def action_matrix(self) -> None:
        self.pull()  # a fast typist's key comes before the namespace is known
        self.app.push_screen(MatrixScreen(self.store, self.control, self.namespace or ""))

    def action_local(self) -> None:
        if self.control.replay is not None:
            self.say("This is a recording: `podwire local` looks at this machine.")
            return
        if self.is_refused():
            return
        self.post_message(ShowTarget(self.control.targets.watch_this_machine()))

    def action_access(self) -> None:
        if self.store.access is None or self.store.start is None:
            self.say("Permissions were not checked in this session.")
            return
        self.app.push_screen(Access(self.store.access, self.store.start.user))

    def action_clean(self) -> None:
        if self.control.replay is not None:
            self.say("This is a recording: `podwire clean` looks at a cluster.")
            return
        if self.is_refused():
            return
        if any(row.here for row in self.store.left):
            self.run_worker(self._clean())
        else:
            self.say("Nothing of an earlier podwire is left in this cluster.")

    async def _clean(self) -> None:
        try:
            for outcome in await self.control.require_cluster().clean():
                self.say(outcome.text, "warning" if outcome.stays else "information")
        except PodwireError as error:
            self.say(str(error), "error")
