"""What Enter opens on a row of a target's lists, and which figures of a row can be drawn over
time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.screen import Screen

from collectors.capture.dns_transactions import DnsTransaction
from collectors.sockets.peer_groups import PeerGroup
from collectors.sockets.rows import SocketRow
from session.controller import Controller
from session.log_line import LogLine
from session.series import SeriesInfo, of_counter, of_peer, of_socket
from session.store import Store
from session.target_data import CounterLine, PacketLine
from tui import format as fmt

if TYPE_CHECKING:  # imported where one is opened: the lists do not wait for them
    from tui.screens.flow import FlowScreen
    from tui.screens.text_view import Document


def figures_of(row: object) -> list[SeriesInfo]:
    """What of a row can be drawn over time."""
    if isinstance(row, CounterLine):
        return [of_counter(row.name)]
    if isinstance(row, PeerGroup):
        return of_peer(row)
    return of_socket(row) if isinstance(row, SocketRow) else []


def document_of(row: object) -> Document | None:
    """A row of text in full: an event (of a write, the manifest), a lookup with the names tried
    before."""
    if not isinstance(row, LogLine | DnsTransaction):
        return None
    from tui.screens.text_view import Document

    if isinstance(row, LogLine):
        return Document(f"{row.kind} at {fmt.clock(row.at)}", event_text(row))
    tried = "\n".join(row.tried) or "none: this name was queried first"
    text = f"Names queried before, each NXDOMAIN:\n{tried}"
    return Document(f"{row.type} {row.name}: {row.outcome}", text)


def event_text(row: LogLine) -> str:
    """An event in full: a finding with its evidence, a write with its manifest, a command's
    output."""
    if row.finding is None:
        return f"{row.text}\n\n{row.detail}"
    from diagnosis.report import Report, text

    return f"{row.text}\n\n{text(Report([row.finding]))}"


def flow_number(row: object) -> int:
    """The flow of a packet, or of a row of the list of flows; 0 for none."""
    number = row.flow if isinstance(row, PacketLine) else getattr(row, "number", 0)
    return int(number)


class RowDetails:
    """Makes the screens; `key` is the target whose capture holds the flows."""

    def __init__(self, store: Store, control: Controller, key: str) -> None:
        self.store = store
        self.control = control
        self.key = key

    def screen(self, row: object, key: str) -> Screen[None] | None:
        """The screen of a row; its figures are of the target `key`. None where there is nothing
        more to show."""
        if figures := figures_of(row):
            from tui.screens.series_detail import FigureScreen

            name = figures[0].title.rpartition(": ")[0] or figures[0].title
            return FigureScreen(self.store, self.control, key=key, figures=figures, name=name)
        return document_of(row) or self._flow(flow_number(row))

    def _flow(self, number: int) -> FlowScreen | None:
        from tui.screens.flow import FlowScreen

        flow = self.store.target(self.key).flows.flow(number)
        return FlowScreen(self.store, self.control, self.key, flow) if flow else None
