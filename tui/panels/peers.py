"""Sockets grouped by peer: workload, Service, node or address."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from collectors.kernel.deltas import Share
from collectors.sockets.peer_groups import PeerGroup, grouped
from session.store import Store
from tui import format as fmt
from tui.keymap import KEYS
from tui.panels.panel import Panel, Sort, Status, joined
from tui.widgets.columns import Cell, Column
from tui.widgets.row_list import ListState


def _if_any(value: int, style: str = "bad") -> Cell:
    return str(value), style if value else "dim"


def _zone(peer: PeerGroup) -> Cell:
    return (f"{peer.zone} ≠", "warn") if peer.cross_zone else (peer.zone, "dim")


def _ports_used(range_size: Callable[[], int]) -> Callable[[PeerGroup], Cell]:
    def cell(peer: PeerGroup) -> Cell:
        if not range_size():
            return fmt.count(peer.ports), "dim"
        share = Share(peer.ports, range_size()).percent or 0.0
        return f"{fmt.count(peer.ports)} {fmt.percent(share)}", _ports_style(share)

    return cell


def _ports_style(share: float) -> str:
    from diagnosis.rules.ephemeral_ports import CRITICAL, WARNING  # the list waits for no rules

    if share >= CRITICAL.value:
        return "bad"
    return "warn" if share >= WARNING.value else "dim"


def columns(range_size: Callable[[], int]) -> tuple[Column, ...]:
    """`range_size` is how many ports ip_local_port_range has; 0 where that is not known."""
    return (
        Column("PEER", 0, lambda p: p.name),
        Column("ZONE", 14, _zone, rank=5),
        Column("OPEN", 6, lambda p: fmt.count(p.open), right=True),
        Column("SYN-SENT", 8, lambda p: _if_any(p.opening, "warn"), right=True, rank=1),
        Column("TIME-WAIT", 9, lambda p: (fmt.count(p.time_wait), "dim"), right=True, rank=3),
        Column("RTT ms", 7, lambda p: fmt.milliseconds(p.rtt), right=True),
        Column("MIN", 6, lambda p: (fmt.milliseconds(p.least), "dim"), right=True, rank=4),
        Column("RETRANS", 7, lambda p: _if_any(p.retransmitted, "warn"), right=True),
        Column("NOW", 5, lambda p: _if_any(p.retransmitting), right=True, rank=2),
        Column("PORTS", 13, _ports_used(range_size), right=True, rank=1),
    )


def searched(peer: PeerGroup) -> str:
    """What the filter's words are looked for in."""
    return f"{peer.name} {peer.zone} {peer.destination}".lower()


class PeersPanel(Panel):
    """Another list of the sockets, in the same place among the tabs."""

    name = "sockets"
    sorts: tuple[Sort, ...] = (
        ("problem", lambda p: (-p.opening, -p.retransmitting, -(p.open + p.time_wait), p.name)),
        ("RTT", lambda p: (-(p.rtt or 0.0), p.name)),
        ("ports", lambda p: (-p.ports, p.name)),
        ("retransmissions", lambda p: (-p.retransmitted, p.name)),
        ("name", lambda p: (p.name,)),
    )
    nothing = "no TCP socket has a peer: {target.group} shows all sockets"

    def __init__(self, store: Store, key: str) -> None:
        state = ListState(columns(self._range_size), identity=lambda peer: peer.name)
        super().__init__(store, key, state)

    def _range_size(self) -> int:
        values = self.data.values
        low, high = values.get("port_range_low", 0), values.get("port_range_high", 0)
        return high - low + 1 if high else 0

    def version(self) -> tuple[Any, ...]:
        return ("peers", self.key, self.data.sockets_at, self.sort, self.words)

    def rows(self) -> list[Any]:
        return self._found(grouped(self.data.sockets, self.store.book), searched)

    def note(self) -> str:
        return fmt.count(len(self.data.sockets))

    def status(self, shown: int) -> Status:
        size = self._range_size()
        parts = [
            *self._shown(shown, "peer"),
            f"PORTS: local ports to one destination{f' of {fmt.count(size)}' if size else ''}",
            "NOW: sockets retransmitting",
            "≠ other zone",
            KEYS.fill("{target.group} shows sockets"),
        ]
        return joined(parts), False
