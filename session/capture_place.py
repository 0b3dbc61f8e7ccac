"""On which node a capture was made that is given beside recordings without a name.

A node carries what no other does: packets between its own pods, and between it and a pod of its
own (probes of the kubelet). They come into it by an interface; in a pod its own go out.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import field
from ipaddress import ip_address, ip_network
from itertools import islice
from pathlib import Path

from collectors.capture.header_rows import reader
from collectors.capture.links import COOKED, OUTGOING, packet_type
from collectors.capture.readers import read_file
from collectors.errors import PodwireError
from collectors.events import (
    Event,
    InventoryChange,
    InventoryList,
    NodeRow,
    PodRow,
    Row,
    TargetState,
)
from collectors.frozen import frozen
from collectors.recording.event_log import Recording

PACKETS = 20_000  # of the capture's begin: the kubelet asks each pod every few seconds
EVENTS = 50_000  # of a recording's begin: what is there is listed first
EARLIER_S = 3600.0  # a capture that ended so long before the recording is of another time

Pair = frozenset[bytes]  # the two addresses of a packet


@frozen
class Carried:
    """What the begin of a capture of all interfaces shows: since when, whose packets there are,
    and the sources of those that came in."""

    since: float
    pairs: set[Pair]
    incoming: set[bytes]


@frozen
class KnownNodes:
    """What recordings say of nodes: their own addresses and their pods', and which were open."""

    addresses: dict[str, set[bytes]] = field(default_factory=dict)
    pods: dict[str, set[bytes]] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)
    since: list[float] = field(default_factory=list)

    def add(self, event: Event) -> None:
        if not self.since and event.at:
            self.since.append(event.at)
        if isinstance(event, InventoryList):
            for row in event.rows:
                self._add_row(row)
        elif isinstance(event, InventoryChange):
            self._add_row(event.row)
        elif isinstance(event, TargetState) and event.target.startswith("node/"):
            self.open.add(event.target.removeprefix("node/"))

    def _add_row(self, row: Row) -> None:
        if isinstance(row, NodeRow):
            gateways = (_first(cidr) for cidr in row.pod_cidrs)
            own = filter(None, (row.address, *row.addresses, *gateways))
            self.addresses.setdefault(row.name, set()).update(_packed(own))
        elif isinstance(row, PodRow) and row.ip and not row.host_network:
            self.pods.setdefault(row.node, set()).update(_packed((row.ip, *row.ips)))


def captured_node(capture: Path, known: KnownNodes) -> str:
    """Name of the one node that was open in the recordings and that the capture was made on; ''
    where that cannot be known."""
    with contextlib.suppress(PodwireError, OSError):  # which is said where it is read
        carried = _carried(capture)
        if known.since and carried.since < known.since[0] - EARLIER_S:
            return ""
        nodes = {name for name in known.pods if _is_of(known, name, carried)}
        return nodes.pop() if len(nodes) == 1 and nodes <= known.open else ""
    return ""


def known_nodes(recordings: Iterable[Path]) -> KnownNodes:
    """What the begin of each recording says; nothing of those that cannot be read."""
    known = KnownNodes()
    for path in recordings:
        with contextlib.suppress(PodwireError, OSError):
            for event in islice(Recording(path).events(), EVENTS):
                known.add(event)
    return known


def _carried(capture: Path) -> Carried:
    """Nothing of a capture of one interface: it may be anybody's."""
    pairs: set[Pair] = set()
    incoming: set[bytes] = set()
    since = 0.0
    packets = ((linktype, one) for linktype, chunk in read_file(capture) for one in chunk)
    for linktype, packet in islice(packets, PACKETS):
        since = since or packet.time
        row = reader(linktype)(packet.data, packet.length) if linktype in COOKED else None
        if row is None or row.source == row.destination:
            continue
        pairs.add(frozenset((row.source, row.destination)))
        if packet_type(linktype, packet.data) != OUTGOING:
            incoming.add(row.source)
    return Carried(since, pairs, incoming)


def _is_of(known: KnownNodes, node: str, carried: Carried) -> bool:
    """Whether there are packets that only that node carries, and not in one of its pods."""
    pods = known.pods[node]
    local = pods | known.addresses.get(node, set())
    near = (pair & pods for pair in carried.pairs if pair <= local)
    return any(owners and owners <= carried.incoming for owners in near)


def _packed(texts: Iterable[str]) -> Iterator[bytes]:
    for text in texts:
        with contextlib.suppress(ValueError):
            yield ip_address(text).packed


def _first(cidr: str) -> str:
    """The address that bridge plugins give to the node: the first of its range."""
    with contextlib.suppress(ValueError):
        return str(ip_network(cidr)[1])
    return ""
