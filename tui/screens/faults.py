"""The lab's faults: what each does, what to expect, on or off."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from collectors.errors import PodwireError
from collectors.safe import safe
from tui.control import Control
from tui.widgets.rows import Column, RowList

COLUMNS = (
    Column("", 3, lambda r: ("ON", "bad") if r["on"] else ("·", "dim")),
    Column("FAULT", 30, lambda r: safe(r["title"])),
    Column("WHAT IT DOES", 0, lambda r: (safe(r["what"]), "dim")),
)


class Faults(ModalScreen[None]):
    BINDINGS: ClassVar = [("escape", "dismiss", "back"), ("f", "dismiss", "back"), ("q", "dismiss", "back")]

    def __init__(self, control: Control) -> None:
        super().__init__()
        self.control = control

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide"):
            yield Static("Faults of the lab", classes="dialog--title", markup=False)
            yield RowList(COLUMNS, id="faults", empty="asking the lab")
            yield Static("", id="expect", markup=False)
            yield Static("enter  switch on or off   esc  back", classes="dialog--keys", markup=False)

    def on_mount(self) -> None:
        rows = self.query_one(RowList)
        rows.identity = lambda row: row["name"]
        rows.focus()
        self.watch(rows, "cursor", self._tell)
        self.run_worker(self._load())

    async def _load(self) -> None:
        try:
            self.query_one(RowList).show(await self.control.faults())
        except PodwireError as error:
            self.notify(str(error), severity="error", markup=False)
        self._tell()

    def _tell(self) -> None:
        row: dict[str, Any] | None = self.query_one(RowList).current
        self.query_one("#expect", Static).update(f"Expect: {safe(row['expect'])}" if row else "")

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        self.run_worker(self._switch(event.row))

    async def _switch(self, row: dict[str, Any]) -> None:
        try:
            await self.control.turn_fault(row["name"], not row["on"])
        except PodwireError as error:
            self.notify(str(error), severity="error", markup=False)
        await self._load()
