"""A pod or node with a problem compared with a healthy one: what differs, most relevant first."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from textual.app import ComposeResult

from collectors.errors import PodwireError
from collectors.kernel import sysctls
from collectors.target import name_in
from diagnosis.compare import Difference, compare
from diagnosis.snapshot import Snapshot
from session.controller import Controller
from session.finding_location import target_key
from session.snapshot_builder import gathered
from session.store import Store
from tui import format as fmt
from tui.actions import bindings
from tui.keymap import KEYS
from tui.panels.panel import joined
from tui.ring import following
from tui.screens.base import MOODS, ConsoleScreen, while_there
from tui.screens.text_view import Document
from tui.widgets.columns import Cell, Column
from tui.widgets.header import Header, HeaderData
from tui.widgets.key_footer import KeyFooter
from tui.widgets.row_list import RowList
from tui.widgets.target_tabs import Targets
from tui.widgets.text_line import TextLine

EVERY_S = 4.0
NO_DIFFERENCE = "no difference in what was read of the two: {compare.other} compares with another"
Settings = dict[str, Mapping[str, str]]  # sysctls by target


def candidates(store: Store, control: Controller, key: str) -> list[str]:
    """Open targets of the same kind: replicas first, and of those the ones without findings."""
    kind, _, name = key.partition("/")
    unhealthy = {target_key(finding.subject) for finding in store.findings.current}

    def rank(other: str) -> tuple[bool, bool, str]:
        theirs = name_in(other)
        return (theirs.rpartition("-")[0] != name.rpartition("-")[0], other in unhealthy, theirs)

    others = [
        other
        for other, data in store.targets.items()
        if other != key and other.partition("/")[0] == kind and data.samples
    ]
    return sorted(others, key=rank)


class CompareScreen(ConsoleScreen):
    """`key` is the target with the problem."""

    BINDINGS = bindings("compare")
    AUTO_FOCUS = "#differences"

    def __init__(self, store: Store, control: Controller, key: str) -> None:
        super().__init__(store, control)
        self.key = key
        self.other = ""
        self.found: list[Difference] = []
        self._sysctls: Settings = {}
        self._asked: set[str] = set()  # targets whose sysctls are not to be read again
        self._read_at: dict[str, float] = {}
        self._working = False
        self._at = 0.0

    def compose(self) -> ComposeResult:
        columns = (
            Column("WHAT", 40, _what),
            Column("THIS ONE", 30, lambda d: (d.here, "warn" if d.weight == "matters" else "")),
            Column("THE OTHER", 30, lambda d: d.there),
            Column("SOURCE", 0, lambda d: (d.source, "dim"), rank=1),
        )
        yield Header()
        yield Targets()
        empty = KEYS.fill(NO_DIFFERENCE)
        yield RowList(columns, empty, lambda d: d.what, id="differences")
        yield TextLine(id="status")
        yield KeyFooter()

    def _here(self) -> str:
        return name_in(self.key)

    def _there(self) -> str:
        return name_in(self.other)

    def on_mount(self) -> None:
        super().on_mount()
        self.other = next(iter(candidates(self.store, self.control, self.key)), "")

    # --- drawing

    def pull(self) -> None:
        self.show_header(self.key)
        if not self._working and self.control.now() - self._at >= EVERY_S:
            self._working = True
            self.run_worker(while_there(self, self._compare()))
        self._status()

    def _status(self) -> None:
        relevant = sum(difference.weight == "matters" for difference in self.found)
        parts = [
            f"{relevant} relevant, {len(self.found) - relevant} other differences",
            self._sysctls_text(),
            KEYS.fill("{compare.other}: compare with another"),
        ]
        text = joined(parts) if self.other else " nothing else of this kind is open"
        self.query_one("#status", TextLine).show(text)

    def _sysctls_text(self) -> str:
        if not (self._sysctls.get(self.key) and self._sysctls.get(self.other)):
            return "sampled sysctls only"
        oldest = min(self._read_at[self.key], self._read_at[self.other])
        return f"all sysctls, of {fmt.clock(oldest)}: r reads them again"

    async def _compare(self) -> None:
        """What is sampled is looked at again each time: what is fixed disappears."""
        try:
            other = self.other
            for key in (self.key, other):
                await self._read_sysctls(key)
            moment = await gathered(self.store, self.control.now())
            found = await asyncio.to_thread(between, moment, self.key, other, self._sysctls)
            if other == self.other:
                self.found = found
                self.query_one("#differences", RowList).show(found)
                self._status()
        finally:
            self._at, self._working = self.control.now(), False

    async def _read_sysctls(self, key: str) -> None:
        """Once: reading them is a command that runs in the target."""
        if key in self._asked:
            return
        runner = self.control.targets.runner(key, "compare")
        if runner is None:
            return
        self._asked.add(key)
        try:
            self._sysctls[key] = await sysctls.read(runner)
            self._read_at[key] = self.control.now()
        except PodwireError:
            self._sysctls.setdefault(key, {})

    def header_data(self) -> HeaderData:
        phase = self.store.target(self.key).phase
        title = f"{self._here()} compared with {self._there() or 'nothing'}"
        return self.header(title, phase, MOODS[phase])

    # --- keys

    def on_row_list_row_chosen(self, event: RowList.RowChosen) -> None:
        row = event.row
        if isinstance(row, Difference):
            values = f"{self._here()}: {row.here}\n\n{self._there()}: {row.there}"
            self.app.push_screen(Document(row.what, f"{values}\n\nread from {row.source}"))

    def action_other(self) -> None:
        """The next target of the same kind."""
        others = candidates(self.store, self.control, self.key)
        if len(others) < 2:
            self.say("Nothing else of this kind is open: open another from the cluster's list.")
            return
        self.other = following(others, self.other)
        self.found, self._at = [], 0.0
        self.pull()

    def action_again(self) -> None:
        """Read the sysctls of both once more."""
        self._asked.clear()
        self._at = 0.0
        self.pull()

    def action_back(self) -> None:
        self.dismiss()


def _what(difference: Difference) -> Cell:
    return difference.what, "name" if difference.weight == "matters" else ""


def between(moment: Snapshot, key: str, other: str, read: Settings) -> list[Difference]:
    """Of two targets of a snapshot; [] where one of them is not there."""
    views = {view.key: view for view in moment.targets}
    if key not in views or other not in views:
        return []
    return compare(views[key], views[other], moment, read.get(key, {}), read.get(other, {}))
