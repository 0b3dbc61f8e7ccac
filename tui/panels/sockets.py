"""Open sockets, as ss shows them, with what each did since the sample before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from collectors.sockets.rates import SocketRate, identity
from collectors.sockets.rows import SocketRow, trouble
from session.own_connections import trouble_of
from session.store import Store
from tui import format as fmt
from tui.keymap import KEYS
from tui.panels.panel import Panel, Sort, Status, joined
from tui.widgets.columns import Cell, Column
from tui.widgets.row_list import ListState

STATE_STYLES = {"ESTAB": "good", "SYN-SENT": "warn", "CLOSE-WAIT": "warn", "TIME-WAIT": "dim"}
RateOf = Callable[[SocketRow], SocketRate | None]
TroubleOf = Callable[[SocketRow], str]


def _peer(names: Mapping[str, str], row: SocketRow) -> Cell:
    if row.state == "LISTEN" or (row.state == "UNCONN" and not row.peer_port):
        return fmt.NONE, "dim"
    return f"{names.get(row.peer, row.peer)}:{row.peer_port or '*'}"


def _local(row: SocketRow) -> Cell:
    if row.alike > 1:
        return f"{row.alike:,} × {row.local}:{row.local_port or '*'}", ""
    return f"{row.local}:{row.local_port}", "dim"


def _state(row: SocketRow) -> Cell:
    if row.protocol == "udp":
        return "UDP", "dim"
    return row.state, STATE_STYLES.get(row.state, "")


def _retransmitted(row: SocketRow) -> Cell:
    """As ss writes it: unacknowledged now / since the connection began."""
    if row.rtt is None and not row.retrans_total:
        return fmt.NONE, "dim"
    text = f"{row.retrans:,}/{row.retrans_total:,}"
    if row.retrans:
        return text, "bad"
    return text, "warn" if row.retrans_total else "dim"


def _queue(name: str) -> Callable[[SocketRow], Cell]:
    def cell(row: SocketRow) -> Cell:
        value = getattr(row, name)
        return fmt.count(value), "dim" if not value else ""

    return cell


def _optional(name: str) -> Callable[[SocketRow], Cell]:
    def cell(row: SocketRow) -> Cell:
        value = getattr(row, name)
        return (fmt.NONE, "dim") if value is None else str(value)

    return cell


def _moved(rate_of: RateOf, field: str) -> Callable[[SocketRow], Cell]:
    def cell(row: SocketRow) -> Cell:
        rate = rate_of(row)
        value = getattr(rate, field) if rate is not None else None
        return fmt.bits(value), "" if value else "dim"

    return cell


def columns(
    names: Mapping[str, str], rate_of: RateOf, trouble: TroubleOf = trouble
) -> tuple[Column, ...]:
    """`rate_of` gives what a socket did since the sample before, `trouble` what is wrong with
    it."""
    return (
        Column("STATE", 10, _state),
        Column("PROBLEM", 17, lambda r: (trouble(r), "bad"), tight=12),
        Column("LOCAL", 21, _local, tight=14, tail=6),
        Column("PEER", 0, partial(_peer, names), tail=6),
        Column("RTT ms", 7, lambda r: fmt.milliseconds(r.rtt), right=True),
        Column("±ms", 6, lambda r: (fmt.milliseconds(r.rtt_var), "dim"), right=True, rank=5),
        Column("CWND", 5, _optional("cwnd"), right=True, rank=4),
        Column("RETRANS", 8, _retransmitted, right=True),
        Column("UNACK", 5, _queue("unacked"), right=True, rank=3),
        Column("TX", 9, _moved(rate_of, "sent"), right=True, rank=5),
        Column("RX", 9, _moved(rate_of, "received"), right=True, rank=5),
        Column("DELIVERY", 10, lambda r: fmt.bits(r.delivery_rate), right=True, rank=7),
        Column("RECV-Q", 6, _queue("recv_q"), right=True, rank=2),
        Column("SEND-Q", 6, _queue("send_q"), right=True, rank=2),
    )


def _problems_first(row: SocketRow, trouble: TroubleOf = trouble) -> tuple[object, ...]:
    return (
        not trouble(row),
        row.state == "TIME-WAIT",
        -row.retrans,
        -row.retrans_total,
        row.peer,
        row.peer_port,
    )


def searched(row: SocketRow, names: Mapping[str, str], trouble: TroubleOf = trouble) -> str:
    """What the filter's words are looked for in."""
    parts = (
        row.protocol,
        row.state,
        row.local,
        row.local_port,
        row.peer,
        row.peer_port,
        names.get(row.peer, ""),
        trouble(row),
    )
    return " ".join(map(str, parts)).lower()


class SocketsPanel(Panel):
    name = "sockets"
    sorts: tuple[Sort, ...] = (
        ("retransmissions", lambda r: (-r.retrans_total,)),
        ("RTT", lambda r: (-(r.rtt or 0.0),)),
        ("queues", lambda r: (-(r.recv_q + r.send_q),)),
        ("delivery rate", lambda r: (-(r.delivery_rate or 0.0),)),
        ("peer", lambda r: (r.peer, r.peer_port, r.local_port)),
        ("state", lambda r: (r.state, r.peer)),
    )

    def __init__(self, store: Store, key: str) -> None:
        self.trouble: TroubleOf = partial(trouble_of, store, key)
        cells = columns(
            store.book.short,
            lambda row: self.data.socket_rates.get(identity(row)),
            self.trouble,
        )
        super().__init__(store, key, ListState(cells, identity=identity))
        by_problem: Sort = ("problem", partial(_problems_first, trouble=self.trouble))
        self.sorts = (by_problem, *self.sorts)

    def version(self) -> tuple[Any, ...]:
        return (self.key, self.data.sockets_at, self.sort, self.words)

    def rows(self) -> list[Any]:
        names = self.store.book.names
        return self._found(self.data.sockets, lambda row: searched(row, names, self.trouble))

    def note(self) -> str:
        return fmt.count(len(self.data.sockets))

    def empty(self) -> str:
        if self.words:
            return super().empty()
        if self.data.sockets_at:
            return KEYS.fill("no sockets: {target.tab(2)} shows the flows of the capture")
        hint = KEYS.fill("not read yet: {target.tab(8)} shows why")
        return hint if self.live else "no sockets were recorded"

    def status(self, shown: int) -> Status:
        data = self.data
        source = "not read yet" if self.live else "not read"
        if data.sockets_at:
            source = f"{data.sockets_source} at {fmt.clock(data.sockets_at)}"
        return joined([*self._shown(shown), data.sockets_note, source]), False
