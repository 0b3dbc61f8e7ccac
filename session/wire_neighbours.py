"""ARP and neighbour discovery as a capture has them: who asks for which address, who says to have
it (RFC 826; RFC 4861, 7.2). Bounded; never raises on what packets hold.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from collectors.capture.dissect import dissect
from collectors.capture.header_values import ETHERNET, LINUX_SLL, LINUX_SLL2
from collectors.capture.layers import Frame
from collectors.packet import Packet
from diagnosis.wire_neighbours import WireNeighbour

TYPE_AT = {ETHERNET: (12, 14), LINUX_SLL: (14, 16), LINUX_SLL2: (0, 20)}  # the type, what follows
ARP, IPV6 = b"\x08\x06", b"\x86\xdd"
ICMPV6, SOLICITATION, ADVERTISEMENT = 58, 135, 136
COPY_NS = 2_000_000  # a packet is on all interfaces of a machine within so long
RECENT_NS = 15 * 1_000_000_000
MOST_ADDRESSES, MOST_TIMES = 1_000, 64
NOBODY = ".".join("0000")  # whoever probes an address before it has it (RFC 5227)
Claimant = tuple[int, str]  # interface, link-layer address


class WireNeighbours:
    """What one capture has. Times are nanoseconds of its clock."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._latest_ns = 0

    def add(self, linktype: int, packets: Iterable[Packet]) -> None:
        """Packets that are neither TCP nor UDP."""
        for packet in packets:
            if is_neighbourly(linktype, packet.data):
                self._latest_ns = max(self._latest_ns, packet.ns)
                self._note(dissect(linktype, packet.data, packet.length), packet.ns)

    def _note(self, frame: Frame, ns: int) -> None:
        arp, icmp, ip = frame.arp, frame.icmp, frame.ip
        if arp is not None:
            if arp.sender != NOBODY:
                self._claim(arp.sender, (frame.interface, arp.sender_mac), ns)
            if arp.operation == 1 and arp.target != arp.sender:
                self._ask(arp.target, arp.sender, ns)
        elif icmp is not None and ip is not None and icmp.version == 6 and icmp.target:
            if icmp.type == SOLICITATION:
                self._ask(icmp.target, ip.source, ns)
            elif icmp.type == ADVERTISEMENT:
                self._claim(icmp.target, (frame.interface, frame.source_mac), ns)

    def _ask(self, address: str, by: str, ns: int) -> None:
        if (known := self._of(address)) is not None:
            known.ask(by, ns)

    def _claim(self, address: str, by: Claimant, ns: int) -> None:
        if (known := self._of(address)) is not None:
            known.claim(by, ns)

    def _of(self, address: str) -> _Known | None:
        if address not in self._known and len(self._known) >= MOST_ADDRESSES:
            return None
        return self._known.setdefault(address, _Known())

    def rows(self) -> tuple[WireNeighbour, ...]:
        return tuple(self._rows(self._latest_ns - RECENT_NS))

    def _rows(self, since: int) -> Iterator[WireNeighbour]:
        for address, known in self._known.items():
            asked = [(ns, by) for ns, by in known.asked if ns >= since]
            changes = known.most_changes(since)
            if not asked and len(changes) < 2:
                continue
            first, last = (asked[0][0], asked[-1][0]) if asked else (0, 0)
            yield WireNeighbour(
                address,
                asked=len(asked),
                asked_by=asked[-1][1] if asked else "",
                seconds=(last - first) / 1e9,
                is_answered=known.claimed_at >= max(first, 1),
                macs=tuple(dict.fromkeys(changes)),
                changes=max(0, len(changes) - 1),
            )


class _Known:
    """Of one address: who asked for it, and each time that another link-layer address has it."""

    def __init__(self) -> None:
        self.asked: deque[tuple[int, str]] = deque(maxlen=MOST_TIMES)
        self._changes: dict[int, deque[tuple[int, str]]] = {}  # by interface
        self.claimed_at = 0

    def ask(self, by: str, ns: int) -> None:
        if not self.asked or self.asked[-1][1] != by or ns - self.asked[-1][0] > COPY_NS:
            self.asked.append((ns, by))

    def claim(self, by: Claimant, ns: int) -> None:
        self.claimed_at = ns
        interface, mac = by
        if interface not in self._changes and len(self._changes) >= MOST_TIMES:
            return
        changes = self._changes.setdefault(interface, deque(maxlen=MOST_TIMES))
        if not changes or changes[-1][1] != mac:
            changes.append((ns, mac))

    def most_changes(self, since: int) -> list[str]:
        """Of the interface that had most: on each of a router's that pods are at, its own address
        answers."""
        found = ([mac for ns, mac in of if ns >= since] for of in self._changes.values())
        return max(found, key=len, default=[])


def is_neighbourly(linktype: int, data: bytes) -> bool:
    """Whether it is ARP, or a message of neighbour discovery without extension headers before."""
    at, header = TYPE_AT.get(linktype, (0, 0))
    kind = data[at : at + 2]
    if kind == ARP:
        return bool(header)
    if kind != IPV6 or not header or len(data) <= header + 40 or data[header + 6] != ICMPV6:
        return False
    return data[header + 40] in (SOLICITATION, ADVERTISEMENT)
