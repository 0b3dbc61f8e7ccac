"""Who is in a shared session: since when, and where each one looks."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult

from session.share.hand_over import OWNER
from session.share.person import Person
from session.sharing import LIVE_ONLY
from tui import format as fmt
from tui.actions import bindings
from tui.keymap import KEYS
from tui.screens.base import ConsoleScreen
from tui.widgets.columns import Cell, Column
from tui.widgets.header import Header, HeaderData
from tui.widgets.key_footer import KeyFooter
from tui.widgets.row_list import RowList
from tui.widgets.target_tabs import Targets
from tui.widgets.text_line import TextLine


def _lost(person: Person) -> Cell:
    return (fmt.many(person.lost, "event"), "warn") if person.lost else ("none", "dim")


def _role(person: Person) -> Cell:
    if person.drives:
        return "drives"
    if person.asks:
        return ("asks", "warn")
    return ("owner" if person.number == OWNER else "joined", "dim")


def columns(now: Callable[[], float]) -> tuple[Column, ...]:
    return (
        Column("WHO", 24, lambda person: (person.name, "name")),
        Column("", 6, _role),
        Column("PROCESS", 9, lambda person: (str(person.pid or ""), "dim"), right=True, rank=2),
        Column("SINCE", 19, lambda person: fmt.clock(person.since, beside=now()), rank=1),
        Column("LOST", 16, _lost, rank=1),
        Column("SCREEN", 0, lambda person: person.look.text),
    )


NOT_SHARED = "This session is not shared: {app.share} shares it."
OVER = "nobody is here any more: the session is over"


class PeopleScreen(ConsoleScreen):
    BINDINGS = bindings("people")
    AUTO_FOCUS = "#people"

    def compose(self) -> ComposeResult:
        yield Header()
        yield Targets()
        yield RowList(
            columns(self.control.now),
            self._nobody(),
            lambda person: person.number,
            id="people",
        )
        yield TextLine(id="status")
        yield KeyFooter()

    def _nobody(self) -> str:
        """Why the list is empty."""
        if self.control.joined is not None:
            return OVER
        return KEYS.fill(NOT_SHARED) if self.control.live else LIVE_ONLY

    def pull(self) -> None:
        self.show_header()
        people = self.control.sharing.people
        self.query_one("#people", RowList).empty = self._nobody()
        if self._drawn != people:
            self._drawn = list(people)
            self.query_one("#people", RowList).show(people)
        self.query_one("#status", TextLine).show(*self._status())

    def _status(self) -> tuple[str, bool]:
        joined, share = self.control.joined, self.control.sharing.share
        if joined is not None:
            lost = f" · {fmt.many(joined.lost, 'event')} lost here" if joined.lost else ""
            state = joined.message or f"session {joined.session}"
            return f" {state}{lost}", bool(joined.message or lost)
        if share is None:
            return " ", False
        many = fmt.many(share.refused, "connection")
        if share.refused:
            return f" {many} refused, the last: {share.last_refusal}", True
        return f" session {share.path.stem}", False

    @property
    def chosen(self) -> Person | None:
        """Whoever is under the cursor."""
        return self.query_one("#people", RowList).current

    def header_data(self) -> HeaderData:
        return self.header("who is here", "live", "good")

    def action_back(self) -> None:
        self.dismiss()
