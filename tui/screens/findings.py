"""The findings: what is wrong, the evidence, and what to do."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from collectors.findings import Finding
from diagnosis.report import findings_text
from session import finding_location
from session.controller import Controller
from session.store import Store
from tui import format as fmt
from tui.actions import bindings
from tui.finding_text import detail
from tui.keymap import KEYS
from tui.screens.base import ConsoleScreen, ShowTarget
from tui.screens.text_view import Document
from tui.widgets.columns import Cell, Column
from tui.widgets.header import Header, HeaderData
from tui.widgets.key_footer import KeyFooter
from tui.widgets.row_list import RowList
from tui.widgets.target_tabs import Targets
from tui.widgets.text_line import TextLine

NOTHING = "no findings in what is open: open a pod or a node to see more"
NOTHING_RECORDED = "no findings in what was recorded up to this time"
LISTED = 12  # lines of the list: the rest is for the one that is read
WITHOUT = 4  # lines of the list where it says that there is none
STYLES = {"critical": "bad", "warning": "warn", "info": "dim"}


def _severity(finding: Finding) -> Cell:
    return finding.severity, STYLES[finding.severity]


class FindingsScreen(ConsoleScreen):
    BINDINGS = bindings("findings")
    AUTO_FOCUS = "#findings"

    def __init__(self, store: Store, control: Controller) -> None:
        super().__init__(store, control)
        self._shown: Finding | None = None

    def on_mount(self) -> None:
        super().on_mount()
        self.app.theme_changed_signal.subscribe(self, lambda theme: self._draw_detail(self._shown))

    def _since(self, finding: Finding) -> str:
        return self.store.findings.since_text(finding, self.store.latest)

    def compose(self) -> ComposeResult:
        columns = (
            Column("SEVERITY", 8, _severity),
            Column("SINCE", 26, lambda f: (self._since(f), "dim"), rank=2),
            Column("WHERE", 34, lambda f: (f.where, "name"), rank=1),
            Column("WHAT", 0, lambda f: f.title),
        )
        yield Header()
        yield Targets()
        yield RowList(
            columns,
            NOTHING if self.control.live else NOTHING_RECORDED,
            lambda f: f.key,
            id="findings",
        )
        with VerticalScroll(id="detail", can_focus=False):
            yield Static("", id="finding", markup=False)
        yield TextLine(id="status")
        yield KeyFooter()

    def pull(self) -> None:
        self.show_header()
        rows = self.query_one("#findings", RowList)
        findings = self.store.findings
        if self._drawn != findings.revision:
            self._drawn = findings.revision
            rows.show(findings.current)
            rows.styles.height = min(LISTED, len(rows.rows) + 1) if rows.rows else WITHOUT
            self._draw_detail(rows.current)
        elif rows.current != self._shown:
            self._draw_detail(rows.current)
        open_here = sum(1 for key in self.store.targets if key != "cluster")
        objects = "the cluster's objects and " if self.store.inventory else ""
        hint = KEYS.fill(" · {list.choose}: as text, to copy") if rows.rows else ""
        self.query_one("#status", TextLine).show(
            f" {fmt.many(len(rows.rows), 'finding')}, from {objects}"
            f"{fmt.many(open_here, 'target')}{self._failed_rules()}{hint}"
        )

    def _failed_rules(self) -> str:
        """Of other packages: their findings are missing from what is listed."""
        failed = len(self.control.diagnosis.problems)
        why = KEYS.fill("{target.tab(8)} says why")
        return f", without {fmt.many(failed, 'rule')} that failed: {why}" if failed else ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "show" and self._shown is None:
            return False
        return super().check_action(action, parameters)

    def _draw_detail(self, finding: Finding | None) -> None:
        self._shown = finding
        self.refresh_bindings()
        self.query_one("#finding", Static).update(
            detail(finding, self.app.theme_variables["success"]) if finding else about()
        )

    def copied_text(self) -> str:
        """The finding in full."""
        return findings_text([self._shown]) if self._shown is not None else ""

    def header_data(self) -> HeaderData:
        return self.header("findings", "live", "good")

    def on_row_list_row_chosen(self) -> None:
        if self._shown is not None:
            self.app.push_screen(Document(self._shown.title, findings_text([self._shown])))

    def action_show(self) -> None:
        """The screen on which it can be seen."""
        finding = self._shown
        if finding is None:
            return
        tab = finding_location.place(finding, self.control.targets.tabs)
        if tab is None and (
            finding.screen not in finding_location.CLUSTER or not self.store.inventory
        ):
            self.say("Not open: open the pod or node that the finding names.")
            return
        self.dismiss()
        view = finding_location.view(finding)
        show = (
            ShowTarget(tab.key, tab.node, view)
            if tab
            else ShowTarget("", "", view, finding_location.words(finding))
        )
        self.app.post_message(show)

    def action_back(self) -> None:
        self.dismiss()


def about() -> Text:
    return Text(
        "Rules read the cluster's Services, endpoints and policies, and the counters, sockets,"
        " packets and DNS of what is open.",
        "dim",
    )
