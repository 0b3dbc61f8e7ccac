"""Every key and what it does, from the table of actions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from tui.actions import Action
from tui.keymap import KEYS, in_force
from tui.offered_keys import Offered
from tui.screens.dialog import ScrolledDialog, dialog_keys, scroll_keys

PLACES = {
    "app": "Everywhere",
    "cluster": "Cluster",
    "target": "Target",
    "time": "Graphs",
    "flow": "Flow",
    "figure": "Figure",
    "findings": "Findings",
    "timeline": "Timeline",
    "guide": "Guide",
    "compare": "Compare",
    "matrix": "Matrix",
    "people": "Who is here",
    "list": "Lists",
    "dialog": "Pages",
    "lab": "Lab",
    "replay": "Replay",
}
SCOPES = (
    ("this pod", "counted in the pod's own network namespace"),
    ("whole node", "counted in the node's: all its pods together, and forwarding"),
    ("global", "one setting for the machine, such as nf_conntrack_max"),
)


WIDEST = 13  # cells of the keys of one action: more stand below one another


class Help(ScrolledDialog):
    """`lists` are those of the target under it, in the order of their keys; `offered` are the keys
    that do something here."""

    BINDINGS: ClassVar = [
        Binding("question_mark", "dismiss", "back", priority=True, id="app.help", show=False)
    ]

    def __init__(
        self,
        lists: Sequence[str] = (),
        offered: Offered | None = None,
        keymap: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.actions = present(lists, offered or Offered(), keymap)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide document"):
            with VerticalScroll(can_focus=False):
                yield Static(Text("Keys", style="bold"), markup=False)
                yield Static(_keys(self.actions))
                yield Static(
                    Text("\nScopes: where a figure is counted", style="bold"), markup=False
                )
                yield Static(_scopes())
            yield dialog_keys(scroll_keys())


def present(
    lists: Sequence[str], offered: Offered, keymap: Mapping[str, str] | None = None
) -> list[Action]:
    """What the keys do here: a number opens the list that has it, where a target has not all."""
    actions = list(offered.of(in_force(keymap or {})))
    tabs = {action.label: action for action in actions if action.name.startswith("tab(")}
    listed = iter([replace(tabs[name], key="") for name in lists or tabs])
    shown = []
    for action in actions:
        if not action.name.startswith("tab("):
            shown.append(action)
        elif (tab := next(listed, None)) is not None:
            shown.append(replace(tab, name=action.name, key=action.key))
    return shown


def _keys(actions: Iterable[Action]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(max_width=WIDEST)
    table.add_column()
    for place, title in PLACES.items():
        for number, action in enumerate(a for a in actions if a.where == place):
            keys = Text(" ".join(map(KEYS.write, action.keys)), style="bold")
            table.add_row("" if number else title, keys, Text(action.help))
    return table


def _scopes() -> Table:
    table = Table.grid(padding=(0, 2))
    for name, meaning in SCOPES:
        table.add_row(name, meaning)
    return table
