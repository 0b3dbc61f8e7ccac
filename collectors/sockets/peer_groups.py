"""Sockets grouped by whom they speak to: a workload, a Service, a node, an address; with what the group suffers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median

from collectors.cluster.inventory.address_book import AddressBook, name_of
from collectors.events import PodRow, ServiceRow
from collectors.sockets.rows import SocketRow

OPEN = ("ESTAB", "CLOSE-WAIT", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSING", "LAST-ACK")


@dataclass(slots=True)
class PeerGroup:
    """Times are milliseconds. `ports` are the local ports in use towards the one destination (address and port) that
    has most of them: what ip_local_port_range must hold. `retransmitted` counts segments over the sockets' lives."""

    name: str
    zone: str = ""
    cross_zone: bool = False
    open: int = 0
    opening: int = 0  # SYN sent, no answer yet
    time_wait: int = 0
    unacked: int = 0
    retransmitting: int = 0  # sockets with retransmissions outstanding
    retransmitted: int = 0
    rtts: list[float] = field(default_factory=list)
    least: float | None = None
    ports: int = 0
    destination: str = ""  # of those ports

    @property
    def rtt(self) -> float | None:
        return median(self.rtts) if self.rtts else None


def peer_name(book: AddressBook, address: str) -> str:
    """A pod by its workload, so that replicas are one peer; a Service with its namespace; else what is known."""
    owner = book.owner(address)
    if owner is None:
        return address
    if isinstance(owner, PodRow):
        return f"{owner.namespace}/{owner.workload.partition('/')[2] or owner.name}"
    return (
        f"svc/{owner.namespace}/{owner.name}" if isinstance(owner, ServiceRow) else name_of(owner)
    )


def grouped(rows: Iterable[SocketRow], book: AddressBook) -> list[PeerGroup]:
    """TCP sockets that have a peer, those with most of them first."""
    peers: dict[str, PeerGroup] = {}
    ports: dict[str, Counter[tuple[str, int]]] = {}
    for row in rows:
        if row.protocol != "tcp" or row.state == "LISTEN" or not (row.peer_port or row.alike > 1):
            continue
        name = peer_name(book, row.peer)
        peer = peers.get(name)
        if peer is None:
            own, other = book.zone(row.local), book.zone(row.peer)
            peer = peers[name] = PeerGroup(name, other, bool(own and other and own != other))
            ports[name] = Counter()
        _add(peer, row)
        if (
            row.peer_port
        ):  # a sum over a peer's ports is of connections that came in: they use no port of ours
            ports[name][row.peer, row.peer_port] += row.alike
    for name, peer in peers.items():
        for (address, port), peer.ports in ports[name].most_common(1):
            peer.destination = f"{address}:{port}"
    return sorted(
        peers.values(),
        key=lambda p: (-p.opening, -p.retransmitting, -(p.open + p.time_wait), p.name),
    )


def _add(peer: PeerGroup, row: SocketRow) -> None:
    if row.state == "TIME-WAIT":
        peer.time_wait += row.alike
    elif row.state in ("SYN-SENT", "SYN-RECV"):
        peer.opening += row.alike
    elif row.state in OPEN:
        peer.open += row.alike
    peer.unacked += row.unacked
    peer.retransmitting += bool(row.retrans)
    peer.retransmitted += row.retrans_total
    if row.rtt is not None and row.state == "ESTAB":
        peer.rtts.append(row.rtt)
    if row.min_rtt is not None and (peer.least is None or row.min_rtt < peer.least):
        peer.least = row.min_rtt
