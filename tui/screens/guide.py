"""Guided diagnosis: choose a symptom, see each step and why; run it again after the fix."""

from __future__ import annotations

import asyncio

from rich.console import RenderableType
from textual.app import ComposeResult
from textual.widgets import Input, Static

from collectors.sanitize import sanitize
from diagnosis.guide import Conclusion, Goal, Symptom, symptoms
from diagnosis.report import findings_text
from session.controller import Controller
from session.guide_runner import (
    Guided,
    StepLine,
    goal_of,
    suggested,
)
from session.store import Store
from tui.actions import bindings
from tui.finding_text import detail
from tui.keymap import KEYS
from tui.screens.base import ConsoleScreen, title_of
from tui.screens.text_view import Document
from tui.widgets.columns import Cell, Column
from tui.widgets.filter_box import FilterBox
from tui.widgets.header import Header, HeaderData
from tui.widgets.key_footer import KeyFooter
from tui.widgets.row_list import RowList
from tui.widgets.target_tabs import Targets
from tui.widgets.text_line import TextLine

CHOOSE = " {list.choose} chooses · each step says what it does before it does it"
STOP = "{guide.back} stops"
NEXT = (
    "{guide.again} runs it again · {list.choose}: the finding, to copy"
    " · {guide.back}: other symptoms"
)
MARKS = {"good": ("✓", "good"), "bad": ("✗", "bad"), "unknown": ("?", "warn"), "": ("…", "dim")}


def _verdict(step: StepLine) -> Cell:
    return MARKS[step.verdict]


def _before(step: StepLine) -> Cell:
    return MARKS[step.before] if step.before else ("", "dim")


SYMPTOMS = (Column("WHAT IS WRONG?", 0, lambda s: s.title),)
STEPS = (
    Column("NOW", 3, _verdict),
    Column("BEFORE", 6, _before, rank=1),
    Column("STEP", 46, lambda s: s.does),
    Column("RESULT", 0, lambda s: (s.said or s.why, "" if s.said else "dim")),
)


class GuideScreen(ConsoleScreen):
    """`key` is the target that probes run at."""

    BINDINGS = bindings("guide")
    AUTO_FOCUS = "#guide"

    def __init__(self, store: Store, control: Controller, key: str) -> None:
        super().__init__(store, control)
        self.key = key
        self.guided: Guided | None = None
        self._probing: asyncio.Task[None] | None = None
        self._chosen: Symptom | None = None

    def compose(self) -> ComposeResult:
        yield Header()
        yield Targets()
        yield RowList(SYMPTOMS, id="guide")
        yield Static("", id="conclusion", markup=False)
        yield TextLine(id="status")
        yield FilterBox(id="filter", placeholder="what the pod cannot reach: host:port")
        yield KeyFooter()

    @property
    def rows(self) -> RowList:
        return self.query_one("#guide", RowList)

    @property
    def _is_probing(self) -> bool:
        return self._probing is not None and not self._probing.done()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Steps run again once they have run."""
        if action == "again" and (self.guided is None or self._is_probing):
            return False
        return super().check_action(action, parameters)

    def pull(self) -> None:
        self.show_header(self.key)
        if self._drawn != (drawn := (self.guided is None, self._is_probing)):
            self._drawn = drawn
            self.refresh_bindings()
        rows, status = self.rows, self.query_one("#status", TextLine)
        if self.guided is None:
            if not rows.rows:
                rows.show(list(symptoms()))
            status.show(KEYS.fill(CHOOSE))
            return
        rows.show(list(self.guided.steps))
        goal = self.guided.goal
        wanted = f" to {goal.host}:{goal.port or 80}" if goal.host else ""
        keys = KEYS.fill(STOP if self._is_probing else NEXT)
        status.show(f" {self.guided.symptom.title}{wanted} · {keys}")

    def header_data(self) -> HeaderData:
        state = "running" if self._is_probing else "ready"
        title, namespace = title_of(self.key)
        return self.header(f"guide {title}", state, "good", namespace)

    # --- choosing and running

    def on_row_list_row_chosen(self, event: RowList.RowChosen) -> None:
        if self.guided is not None:
            self._read()
            return
        self._chosen = event.row
        if not event.row.needs_goal:
            self._start(Goal(""))
            return
        box = self.query_one(FilterBox)
        box.value = suggested(self.store, self.key)
        box.open(self.rows)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        try:
            goal = goal_of(event.value)
        except ValueError as error:
            self.say(str(error), "warning")
            self.query_one(FilterBox).open(self.rows)
            return
        self._start(goal)

    def _start(self, goal: Goal) -> None:
        assert self._chosen is not None
        self.guided = Guided(
            store=self.store,
            stream=self.control.stream,
            runner=self.control.targets.runner(self.key, "guide"),
            key=self.key,
            symptom=self._chosen,
            goal=goal,
            changed=self._progressed,
        )
        self.rows.set_columns(STEPS)
        self._go()

    def _go(self) -> None:
        assert self.guided is not None
        self._conclude("")
        self._probing = self.control.tasks.spawn(self.guided.run())
        self.pull()

    def _progressed(self) -> None:
        """A step began or ended, or the run did."""
        if not self.is_attached:
            return
        self.pull()
        if self.guided is not None and self.guided.conclusion is not None:
            self._conclude(_conclusion(self.guided, self.guided.conclusion))

    def _conclude(self, content: RenderableType) -> None:
        self.query_one("#conclusion", Static).update(content)

    def _read(self) -> None:
        end = self.guided.conclusion if self.guided else None
        if end is not None and end.findings:
            self.app.push_screen(Document(end.findings[0].title, findings_text(end.findings)))

    # --- keys

    def action_again(self) -> None:
        if self.guided is not None and not self._is_probing:
            self._go()

    def action_back(self) -> None:
        if (box := self.query_one(FilterBox)).can_focus:
            box.close()
        elif self._probing is not None and not self._probing.done():
            self._probing.cancel()
            self.say("Stopped.")
        elif self.guided is not None:
            self.guided = None
            self._conclude("")
            self.rows.set_columns(SYMPTOMS)
            self.rows.show(())
            self.pull()
        else:
            self.dismiss()


def _conclusion(guided: Guided, end: Conclusion) -> RenderableType:
    if end.findings:
        return detail(end.findings[0])
    before = ""
    if guided.earlier and guided.earlier != end.text:
        before = f"\n Before: {sanitize(guided.earlier, 200)}"
    return f" {'Found' if end.found else 'Not found'}: {sanitize(end.text, 600)}{before}"
