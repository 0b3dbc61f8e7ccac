"""What the lists of the target screen show: columns and rows, pure functions of the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from collectors.capture.analysis_flags import (
    COPY,
    GOOD,
    ODD,
    analysis_flag_names,
)
from collectors.capture.dissect import dissect
from collectors.capture.layers import Frame
from collectors.capture.packet_summary import bad, line
from collectors.events import ConntrackGroup
from collectors.kernel.counters import describe
from collectors.sockets.peer_groups import PeerGroup
from collectors.sockets.rates import SocketRate
from collectors.sockets.rows import SocketRow, trouble
from session.store import (
    CounterLine,
    GapLine,
    LogLine,
    PacketLine,
    Store,
)
from tui import format as fmt
from tui.widgets.row_list import Cell, Column

# --- packets


class PacketCells:
    """Cells of a packet line; each packet is decoded once a draw."""

    def __init__(self, store: Store) -> None:
        self.book = store.book
        self.mode = 0  # 0 names, 1 names and addresses, 2 addresses
        self._last: tuple[PacketLine, Frame] | None = None

    def _frame(self, row: PacketLine) -> Frame:
        if self._last is None or self._last[0] is not row:
            packet = row.packet
            self._last = (row, dissect(row.linktype, packet.data, packet.length))
        return self._last[1]

    def time(self, row: PacketLine | GapLine) -> Cell:
        return fmt.clock(row.at if isinstance(row, GapLine) else row.packet.time, 6), "dim"

    def direction(self, row: PacketLine | GapLine) -> Cell:
        return ("", "") if isinstance(row, GapLine) else (self._frame(row).direction, "dim")

    def text(self, row: PacketLine | GapLine) -> Cell:
        if isinstance(row, GapLine):
            return f"── gap: packets are missing here ── {row.text}", "warn"
        frame = self._frame(row)
        names: Mapping[str, str] = (self.book.short, self.book.both, {})[self.mode]
        text = line(frame, row.packet.length, names)
        if row.marks:
            text = f"▲ {', '.join(analysis_flag_names(row.marks))} · {text}"
        worrying = bad(frame) or row.marks & ~(GOOD | ODD)
        return (
            text,
            "bad" if worrying else "warn" if row.marks & ODD else "dim" if row.marks & COPY else "",
        )

    def columns(self) -> tuple[Column, ...]:
        return (
            Column("TIME", 15, self.time, rank=2),
            Column("DIR", 3, self.direction, rank=1),
            Column("PACKET", 0, self.text),
        )


# --- sockets


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
    style = {"ESTAB": "good", "SYN-SENT": "warn", "CLOSE-WAIT": "warn", "TIME-WAIT": "dim"}.get(
        row.state, ""
    )
    return row.state, style


def _resent(row: SocketRow) -> Cell:
    if row.rtt is None and not row.retrans_total:
        return fmt.NONE, "dim"
    text = f"{row.retrans}/{row.retrans_total}"
    return text, "bad" if row.retrans else "warn" if row.retrans_total else "dim"


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


def socket_columns(
    names: Mapping[str, str], rate_of: Callable[[SocketRow], SocketRate | None]
) -> tuple[Column, ...]:
    """`rate_of` gives what a socket did since the snapshot before."""

    def moved(field: str) -> Callable[[SocketRow], Cell]:
        def cell(row: SocketRow) -> Cell:
            rate = rate_of(row)
            value = getattr(rate, field) if rate is not None else None
            return fmt.bits(value), "" if value else "dim"

        return cell

    return (
        Column("STATE", 10, _state),
        Column("TROUBLE", 17, lambda r: (trouble(r), "bad"), rank=1),
        Column("LOCAL", 21, _local, rank=6),
        Column("PEER", 0, partial(_peer, names)),
        Column("RTT ms", 7, lambda r: fmt.milliseconds(r.rtt), right=True),
        Column("±ms", 6, lambda r: (fmt.milliseconds(r.rtt_var), "dim"), right=True, rank=5),
        Column("CWND", 5, _optional("cwnd"), right=True, rank=4),
        Column("RETRANS", 8, _resent, right=True),
        Column("UNACK", 5, _queue("unacked"), right=True, rank=3),
        Column("OUT", 9, moved("sent"), right=True, rank=5),
        Column("IN", 9, moved("received"), right=True, rank=5),
        Column("DELIVERY", 10, lambda r: fmt.bits(r.delivery_rate), right=True, rank=7),
        Column("RECV-Q", 6, _queue("recv_q"), right=True, rank=2),
        Column("SEND-Q", 6, _queue("send_q"), right=True, rank=2),
    )


SORTS: tuple[tuple[str, Callable[[SocketRow], tuple[object, ...]]], ...] = (
    (
        "trouble",
        lambda r: (
            not trouble(r),
            r.state == "TIME-WAIT",
            -r.retrans,
            -r.retrans_total,
            r.peer,
            r.peer_port,
        ),
    ),
    ("resent", lambda r: (-r.retrans_total,)),
    ("RTT", lambda r: (-(r.rtt or 0.0),)),
    ("queues", lambda r: (-(r.recv_q + r.send_q),)),
    ("delivery", lambda r: (-(r.delivery_rate or 0.0),)),
    ("peer", lambda r: (r.peer, r.peer_port, r.local_port)),
    ("state", lambda r: (r.state, r.peer)),
)


def socket_text(row: SocketRow, names: Mapping[str, str]) -> str:
    parts = (
        row.protocol,
        row.state,
        row.local,
        row.local_port,
        row.peer,
        row.peer_port,
        names.get(row.peer, ""),
    )
    return " ".join(map(str, (*parts, trouble(row)))).lower()


# --- peers


def peer_columns(ports: Callable[[], int]) -> tuple[Column, ...]:
    """`ports` is how many ip_local_port_range holds; 0 where that is not known."""

    def used(peer: PeerGroup) -> Cell:
        if not ports():
            return str(peer.ports), "dim"
        share = 100 * peer.ports / ports()
        return (
            f"{peer.ports} {fmt.percent(share)}",
            "bad" if share >= 90 else "warn" if share >= 70 else "dim",
        )

    def zone(peer: PeerGroup) -> Cell:
        return (f"{peer.zone} ≠", "warn") if peer.cross_zone else (peer.zone, "dim")

    def trouble_only(value: int, style: str = "bad") -> Cell:
        return str(value), style if value else "dim"

    return (
        Column("PEER", 0, lambda p: p.name),
        Column("ZONE", 14, zone, rank=5),
        Column("OPEN", 6, lambda p: str(p.open), right=True),
        Column("OPENING", 7, lambda p: trouble_only(p.opening, "warn"), right=True, rank=1),
        Column("TIME-WAIT", 9, lambda p: (str(p.time_wait), "dim"), right=True, rank=3),
        Column("RTT ms", 7, lambda p: fmt.milliseconds(p.rtt), right=True),
        Column("LEAST", 6, lambda p: (fmt.milliseconds(p.least), "dim"), right=True, rank=4),
        Column("RESENDING", 9, lambda p: trouble_only(p.retransmitting), right=True, rank=2),
        Column("RETRANS", 7, lambda p: trouble_only(p.retransmitted, "warn"), right=True),
        Column("PORTS", 13, used, right=True, rank=1),
    )


PEER_SORTS: tuple[tuple[str, Callable[[PeerGroup], tuple[object, ...]]], ...] = (
    ("trouble", lambda p: (-p.opening, -p.retransmitting, -(p.open + p.time_wait), p.name)),
    ("RTT", lambda p: (-(p.rtt or 0.0), p.name)),
    ("ports", lambda p: (-p.ports, p.name)),
    ("resent", lambda p: (-p.retransmitted, p.name)),
    ("name", lambda p: (p.name,)),
)


# --- conntrack


def conntrack_columns(names: Mapping[str, str], total: Callable[[], int]) -> tuple[Column, ...]:
    """`total` entries are in the table."""

    def share(group: ConntrackGroup) -> Cell:
        return fmt.percent(100 * group.count / total()) if total() else fmt.NONE

    def answers(group: ConntrackGroup) -> Cell:
        if (group.reply_source, group.reply_port) == (group.destination, group.port):
            return "", "dim"
        return f"{names.get(group.reply_source, group.reply_source)}:{group.reply_port}"

    def seen(group: ConntrackGroup) -> Cell:
        return (
            ("unreplied", "warn")
            if not group.replied
            else ("assured", "dim")
            if group.assured
            else ("", "dim")
        )

    return (
        Column("ENTRIES", 9, lambda g: fmt.count(g.count), right=True),
        Column("SHARE", 6, share, right=True),
        Column("PROTO", 6, lambda g: (g.protocol, "dim"), rank=3),
        Column("STATE", 11, lambda g: g.state, rank=2),
        Column("OPENED BY", 36, lambda g: names.get(g.source, g.source)),
        Column("TO", 0, lambda g: f"{names.get(g.destination, g.destination)}:{g.port}"),
        Column("ANSWERED BY", 36, answers, rank=1),
        Column("SEEN", 9, seen, rank=4),
    )


CONNTRACK_SORTS: tuple[tuple[str, Callable[[ConntrackGroup], tuple[object, ...]]], ...] = (
    ("entries", lambda g: (-g.count,)),
    ("opener", lambda g: (g.source, -g.count)),
    ("destination", lambda g: (g.destination, g.port, -g.count)),
    ("state", lambda g: (g.protocol, g.state, -g.count)),
)


def conntrack_text(group: ConntrackGroup, names: Mapping[str, str]) -> str:
    ends = (group.source, group.destination, group.reply_source)
    told = " ".join((*ends, *(names.get(end, "") for end in ends)))
    return f"{group.protocol} {group.state} {told} :{group.port} {'' if group.replied else 'unreplied'}".lower()


# --- counters


def _counter_name(row: CounterLine) -> Cell:
    bad = describe(row.name).trouble
    return row.name, ("bad" if row.rate else "warn") if bad else ""


def counter_columns(own: str) -> tuple[Column, ...]:
    """`own` says what a counter of this network namespace speaks of."""

    def scope(row: CounterLine) -> Cell:
        kind = describe(row.name).scope
        return {"netns": own, "node": "whole node", "global": "global"}[kind], "dim"

    return (
        Column("COUNTER", 27, _counter_name),
        Column("PER s", 8, lambda r: fmt.rate(r.rate), right=True),
        Column("SINCE OPEN", 10, lambda r: fmt.count(r.moved), right=True, rank=3),
        Column("TOTAL", 12, lambda r: (fmt.count(r.value), "dim"), right=True, rank=4),
        Column("UNIT", 11, lambda r: (describe(r.name).unit, "dim"), rank=2),
        Column("SCOPE", 10, scope, rank=1),
        Column("MEANING", 0, lambda r: describe(r.name).meaning),
    )


# --- events

EVENT_COLUMNS = (
    Column("TIME", 8, lambda r: (fmt.clock(r.at), "dim")),
    Column("WHAT", 9, lambda r: (r.kind, "bad" if r.bad else "name")),
    Column("WHERE", 24, lambda r: (r.target, "dim"), rank=1),
    Column("TOLD", 0, lambda r: r.text),
)


def event_rows(store: Store, keys: tuple[str, ...]) -> list[LogLine]:
    return [entry for entry in store.log if not entry.target or entry.target in keys]
