"""Every key and what it does, from the table of actions."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.actions import ACTIONS, shown_key

PLACES = {
    "app": "Everywhere",
    "cluster": "Cluster",
    "target": "Target",
    "time": "Graphs",
    "flow": "A flow",
    "figure": "A figure",
    "findings": "Diagnosis",
    "guide": "Guide",
    "matrix": "Matrix",
    "list": "Lists",
    "lab": "Lab",
}
SCOPES = (
    ("this pod", "counted in the pod's own network namespace"),
    ("whole node", "counted in the node's: all its pods together, and forwarding"),
    ("global", "one setting for the machine, e.g. nf_conntrack_max"),
)


class Help(ModalScreen[None]):
    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog wide"):
            yield Static(Text("Keys", style="bold"), markup=False)
            yield Static(self._keys())
            yield Static(Text("\nScopes: what a figure speaks of", style="bold"), markup=False)
            yield Static(self._scopes())
            yield Static("\nesc closes this page", markup=False, classes="dialog--keys")

    def _keys(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for place, title in PLACES.items():
            rows = [a for a in ACTIONS if a.where == place]
            for number, action in enumerate(rows):
                table.add_row(
                    title if number == 0 else "",
                    Text(shown_key(action), style="bold"),
                    Text(action.help),
                )
        return table

    def _scopes(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for name, meaning in SCOPES:
            table.add_row(name, meaning)
        return table

    def on_key(self, event: events.Key) -> None:
        if event.key in ("escape", "q", "question_mark"):
            event.stop()
            self.dismiss(None)
