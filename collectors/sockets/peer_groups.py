"""Sockets grouped by their peer: a workload, a Service, a node, an address; and the group's
trouble."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import field

from collectors.cluster.inventory.address_book import AddressBook, name_of
from collectors.events import PodRow, ServiceRow
from collectors.frozen import slotted
from collectors.sockets.rows import SocketRow

OPEN = ("ESTAB", "CLOSE-WAIT", "FIN-WAIT-1", "FIN-WAIT-2", "CLOSING", "LAST-ACK")


@slotted
class PeerGroup:
    """Times are milliseconds. `ports` are the local ports in use towards the one destination
    (address and port) that has most of them: what ip_local_port_range must hold. `retransmitted`
    counts segments over the sockets' lives."""

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
        return _median(self.rtts) if self.rtts else None


def _median(values: Sequence[float]) -> float:
    """That of `statistics`, which the first list would wait for: 8 ms with what it imports."""
    middle, is_odd = divmod(len(values), 2)
    ordered = sorted(values)
    return ordered[middle] if is_odd else (ordered[middle - 1] + ordered[middle]) / 2


def peer_name(book: AddressBook, address: str) -> str:
    """A pod by its workload, so that replicas are one peer; a Service with its namespace; else what
    is known."""
    owner = book.owner(address)
    if owner is None:
        return address
    if isinstance(owner, PodRow):
        return f"{owner.namespace}/{owner.workload.partition('/')[2] or owner.name}"
    if isinstance(owner, ServiceRow):
        return f"svc/{owner.namespace}/{owner.name}"
    return name_of(owner)


def grouped(rows: Iterable[SocketRow], book: AddressBook) -> list[PeerGroup]:
    """TCP sockets that have a peer, the groups in trouble first, and the largest of the others."""
    peers: dict[str, PeerGroup] = {}
    ports: defaultdict[str, Counter[tuple[str, int]]] = defaultdict(Counter)
    for row in rows:
        if not _has_peer(row):
            continue
        name = peer_name(book, row.peer)
        peer = peers.get(name)
        if peer is None:
            peer = peers[name] = _new_group(name, row, book)
        _add(peer, row)
        if row.peer_port:  # without one: a sum of connections that came in, and use no port here
            ports[name][row.peer, row.peer_port] += row.alike
    for name, counted in ports.items():
        ((address, port), peers[name].ports), *_ = counted.most_common(1)
        peers[name].destination = f"{address}:{port}"
    return sorted(peers.values(), key=_order)


def _has_peer(row: SocketRow) -> bool:
    return row.protocol == "tcp" and row.state != "LISTEN" and bool(row.peer_port or row.alike > 1)


def _new_group(name: str, row: SocketRow, book: AddressBook) -> PeerGroup:
    return PeerGroup(name, book.zone(row.peer), cross_zone=_crosses_zones(row, book))


def _crosses_zones(row: SocketRow, book: AddressBook) -> bool:
    own, other = book.zone(row.local), book.zone(row.peer)
    return bool(own and other and own != other)


def _order(peer: PeerGroup) -> tuple[int, int, int, str]:
    return (-peer.opening, -peer.retransmitting, -(peer.open + peer.time_wait), peer.name)


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
