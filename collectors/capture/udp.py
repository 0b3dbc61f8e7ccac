"""UDP conversations: who asks, who answers and how soon, and what an ICMP error says of them. Times
are nanoseconds."""

from __future__ import annotations

from collectors.capture.analysis_flags import COPY
from collectors.capture.direction import interface_direction
from collectors.capture.header_row import HeaderRow
from collectors.capture.tracked_flow import TrackedFlow

HEARD_NS = 5_000_000_000  # without an error, of which a kernel sends one a second: icmp_ratelimit


class UdpDirection:
    __slots__ = ("address", "bytes", "client", "interface", "packets", "payload", "port", "seen_on")

    def __init__(self, address: bytes, port: int, interface: int) -> None:
        self.begin(address, port, interface)

    def begin(self, address: bytes, port: int, interface: int) -> None:
        """What a new one is; where it is compiled, a call that costs little."""
        self.address, self.port, self.interface = address, port, interface
        self.client = False
        self.packets = self.bytes = self.payload = 0
        self.seen_on = 0  # of its first datagram, IN, OUT where a capture has it


class UdpFlow(TrackedFlow):
    """`client` sent the first datagram that was seen (or has the higher port, where that one came
    from a port below 1024)."""

    __slots__ = ("client", "server", "unreachable")
    protocol = "UDP"
    retransmitted = 0

    def __init__(self, number: int, row: HeaderRow) -> None:
        self.begin(number, row)

    def begin(self, number: int, row: HeaderRow) -> None:
        """A conversation, of its first datagram."""
        self.enter(number, row)
        first = UdpDirection.__new__(UdpDirection)
        first.begin(row.source, row.source_port, row.interface)
        second = UdpDirection.__new__(UdpDirection)
        second.begin(row.destination, row.destination_port, -1)
        if row.source_port < 1024 <= row.destination_port:
            first, second = second, first
        self.client, self.server = first, second
        first.client = True
        self.unreachable = False  # by ICMP errors, until an answer comes or they end

    def add(self, own: UdpDirection, row: HeaderRow) -> int:
        """One datagram that `own` sent; its analysis flags."""
        ns = row.ns
        if not own.packets:
            own.interface = row.interface
            own.seen_on = interface_direction(row)
        elif own.interface != row.interface:
            self.copies += 1
            if own.packets == 1:
                own.seen_on |= interface_direction(row)
            return COPY
        self.last_ns = ns
        own.packets += 1
        own.bytes += row.wire
        own.payload += row.length
        if own is self.client:
            if self.asked_at and ns - self.asked_at > HEARD_NS:
                self.unreachable = False
            self.asked_at = self.asked_at or ns
            return 0
        self.unreachable = False
        self.answered(ns)
        return 0

    def error(self, ns: int, note: str, source: str, of_client: bool) -> None:
        """An ICMP error about a datagram of this conversation, who sent it, and whether the
        datagram was the client's: a client that no longer waits refuses late answers."""
        if not of_client:
            self.icmp += 1
        else:
            # one that no datagram came before is the same on another interface
            self.icmp += self.asked_at > 0 or not self.unreachable
            self.unreachable = True
            self.asked_at = 0
        self.icmp_note, self.icmp_from = note, source

    @property
    def state(self) -> str:
        if self.unreachable:
            return "unreachable"
        if not self.server.packets:
            return "one direction" if _is_group(self.server.address) else "unanswered"
        return "answered" if self.client.packets else "one direction"

    @property
    def one_sided(self) -> bool:
        return not self.client.packets or not self.server.packets


def _is_group(address: bytes) -> bool:
    """Multicast or broadcast: nothing is ever sent from there."""
    if len(address) == 16:
        return address[0] == 0xFF
    return 224 <= address[0] < 240 or address == b"\xff\xff\xff\xff"
