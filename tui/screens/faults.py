"""The lab's faults: type to find one, enter switches it; what it does, what to expect, what it
moves."""

from __future__ import annotations

from typing import Any, ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.widgets import Input, Static

from collectors.errors import PodwireError
from collectors.sanitize import sanitize
from session.controller import Controller
from tui.screens.base import while_there
from tui.screens.dialog import dialog_keys, dialog_title
from tui.screens.leaving import Dialog
from tui.widgets.columns import Column
from tui.widgets.row_list import RowList

LONGEST = 100  # characters
COLUMNS = (
    Column("", 2, lambda r: ("ON", "bad") if r["on"] else ("·", "dim")),
    Column("FAULT", 64, lambda r: sanitize(r["title"])),
    Column("NAME", 0, lambda r: (sanitize(r["name"]), "dim"), rank=1),
)


class Faults(Dialog[None]):
    # Without priority: keys act after the letters that were typed before them.
    BINDINGS: ClassVar = [
        Binding("escape", "back", "back"),
        Binding("up", "move('up')"),
        Binding("down", "move('down')"),
        Binding("pageup", "move('page_up')"),
        Binding("pagedown", "move('page_down')"),
    ]

    def __init__(self, control: Controller) -> None:
        super().__init__()
        self.control = control
        self._all: list[dict[str, Any]] = []

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide tall"):
            yield dialog_title("Faults of the lab")
            yield Input(placeholder="type to find a fault", max_length=LONGEST, id="find")
            yield RowList(
                COLUMNS,
                id="faults",
                empty="asking the lab for its faults",
                identity=lambda row: row["name"],
            )
            yield Static("", id="about", markup=False)
            keys = "↑ ↓  choose   enter  switch on or off   esc  clear, back"
            yield dialog_keys(keys)

    def on_mount(self) -> None:
        find, rows = self.query_one(Input), self.query_one(RowList)
        find.cursor_blink = False
        find.focus()
        rows.can_focus = False
        rows.always_cursor = True
        self.watch(rows, "cursor", self._describe)
        self.run_worker(while_there(self, self._load()))

    async def _load(self) -> None:
        try:
            self._all = await self.control.require_cluster().faults()
        except PodwireError as error:
            self._say(error)
        self._show()

    def _say(self, error: PodwireError) -> None:
        self.notify(str(error), severity="error", markup=False)

    def _show(self) -> None:
        words = self.query_one(Input).value.lower().split()
        rows = self.query_one(RowList)
        rows.empty = "no fault matches: esc clears the words"
        rows.show([row for row in self._all if all(word in _searched(row) for word in words)])
        self.query_one(".dialog--title", Static).update(self._title())
        self._describe()

    def _title(self) -> str:
        on = sum(row["on"] for row in self._all)
        return f"Faults of the lab · {len(self._all)}" + (f", {on} on" if on else "")

    def _describe(self) -> None:
        row = self.query_one(RowList).current
        self.query_one("#about", Static).update(_about(row) if row else "")

    def on_input_changed(self) -> None:
        self._show()

    def on_input_submitted(self) -> None:
        self.query_one(RowList).action_choose()

    def on_row_list_row_chosen(self, event: RowList.RowChosen) -> None:
        self.run_worker(while_there(self, self._switch(event.row)))

    def action_move(self, where: str) -> None:
        self.query_one(RowList).action_cursor(where)

    def action_back(self) -> None:
        find = self.query_one(Input)
        if find.value:
            find.value = ""
        else:
            self.dismiss(None)

    async def _switch(self, row: dict[str, Any]) -> None:
        try:
            await self.control.require_cluster().turn_fault(row["name"], not row["on"])
        except PodwireError as error:
            self._say(error)
        await self._load()


def _searched(row: dict[str, Any]) -> str:
    return f"{row['name']} {row['title']} {row['what']}".lower()


def _about(row: dict[str, Any]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_row(Text("does", style="bold"), Text(sanitize(row["what"])))
    table.add_row(Text("expect", style="bold"), Text(sanitize(row["expect"])))
    moves = ", ".join(
        f"{counter} at {at}" for at, counters in row["moves"].items() for counter in counters
    )
    table.add_row(
        Text("moves", style="bold"), Text(sanitize(moves) or "no counter: see the connections")
    )
    return table
