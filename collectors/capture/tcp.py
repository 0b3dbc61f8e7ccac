"""One TCP connection, worked out from its packets: handshake, losses, windows, resets, waits.

Times are nanoseconds, sizes bytes. What a segment is called is decided in tcp_sequence.
"""

from __future__ import annotations

from collectors.capture.analysis_flags import (
    COPY,
    DUPLICATE_ACK,
    FAST_RETRANSMISSION,
    KEEP_ALIVE,
    OUT_OF_ORDER,
    RETRANS,
    SPURIOUS_RETRANSMISSION,
    WINDOW_FULL,
    ZERO_WINDOW,
    ZERO_WINDOW_PROBE,
)
from collectors.capture.direction import (
    NO_DURATIONS,
    Direction,
    DurationStats,
    FlowEvent,
    Kind,
    interface_direction,
)
from collectors.capture.header_rows import HeaderRow, Row
from collectors.capture.layers import ACK, FIN, RST, SYN
from collectors.capture.tcp_options import tcp_options
from collectors.capture.tcp_sequence import AHEAD, MASK, analyse
from collectors.events import Packet

MAX_EVENTS = 400
NO_EVENTS: list[FlowEvent] = []  # of a connection that begins; never added to
NOT_NEW_DATA = RETRANS | KEEP_ALIVE | ZERO_WINDOW_PROBE
# analysis flag, the counter of its direction, the event that it makes
COUNTED: tuple[tuple[int, str, Kind], ...] = (
    (OUT_OF_ORDER, "out_of_order", "out of order"),
    (DUPLICATE_ACK, "duplicate_acks", "duplicate ACK"),
    (ZERO_WINDOW, "zero_windows", "zero window"),
    (WINDOW_FULL, "window_full", "window full"),
    (KEEP_ALIVE, "keep_alives", "keep-alive"),
)


class TcpFlow:
    """A connection. The client is who sent the SYN, or who most likely did."""

    __slots__ = (
        "acked_at",
        "asked_at",
        "client",
        "copies",
        "events",
        "first_ns",
        "first_rtt",
        "icmp",
        "icmp_from",
        "icmp_note",
        "last_ns",
        "latest_syn_at",
        "network",
        "number",
        "reset_by",
        "server",
        "syn_at",
        "synack_at",
        "waits",
    )
    protocol = "TCP"

    def __init__(self, number: int, ns: int, row: Row) -> None:
        named = HeaderRow._make(row)
        first = Direction(named.source, named.source_port, named.interface)
        second = Direction(named.destination, named.destination_port, -1)
        opens = named.flags & (SYN | ACK)
        downward = named.source_port < named.destination_port
        if opens == SYN | ACK or (not opens & SYN and downward):
            first, second = second, first
        self.client, self.server = first, second
        first.client = True
        self.number = number
        self.network = named.network
        self.first_ns = self.last_ns = ns
        self.syn_at = self.latest_syn_at = self.synack_at = self.acked_at = 0
        self.first_rtt = 0  # the handshake's, from the latest SYN
        self.asked_at = 0
        self.waits = NO_DURATIONS
        self.copies = 0
        self.reset_by: Direction | None = None
        self.icmp = 0
        self.icmp_from = self.icmp_note = ""
        self.events = NO_EVENTS

    # --- every packet

    def add(self, own: Direction, peer: Direction, packet: Packet, row: Row) -> int:
        """One packet that `own` sent; its analysis flags."""
        ns, data, wire = packet
        flags, length, interface = row[7], row[9], row[12]
        if own.interface < 0:
            own.interface = interface
        elif own.interface != interface:
            return self._copy(own, row, data)
        self.last_ns = ns
        own.packets += 1
        own.bytes += wire
        analysis = analyse(own, peer, ns, row, self.first_rtt)
        if flags & (SYN | FIN | RST):
            self._phase(own, ns, row, data)
        elif not self.acked_at and self.synack_at and own is self.client:
            self._handshake_completed(own, ns)
        if flags & ACK and (peer.probe is not None or peer.probe_stamp is not None):
            _measure_rtt(peer, ns, row, data)
        if length:
            own.segments += 1
            own.payload += length
            if not analysis & NOT_NEW_DATA:
                self._data(own, ns, row, data)
            else:
                own.probe = None  # Karn: an ACK of what was retransmitted gives no round trip
        if analysis:
            self._count(own, ns, row, analysis)
        return analysis

    def _copy(self, own: Direction, row: Row, data: bytes) -> int:
        """The same direction on another interface: counted once, where it was seen first."""
        self.copies += 1
        if row[7] & SYN:
            own.seen_on |= interface_direction(data, row[12])
        return COPY

    # --- what only some packets do

    def _handshake_completed(self, own: Direction, ns: int) -> None:
        self.acked_at = ns
        self.first_rtt = max(ns - self.latest_syn_at, 0) if self.latest_syn_at else 0
        self._note_event(own, ns, "ACK", 0)

    def _phase(self, own: Direction, ns: int, row: Row, data: bytes) -> None:
        flags = row[7]
        if flags & RST:
            if self.reset_by is None:
                self.reset_by = own
            own.reset_at = own.reset_at or ns
            self._note_event(own, ns, "RST", 0)
        elif flags & SYN:
            own.scale, own.mss = _syn_options(data, row[10])
            own.seen_on |= interface_direction(data, row[12])
            self._opening(own, ns, flags)
        else:
            own.fin_at = own.fin_at or ns
            self._note_event(own, ns, "FIN", 0)

    def _opening(self, own: Direction, ns: int, flags: int) -> None:
        if flags & ACK:
            self.synack_at = self.synack_at or ns
            self._note_event(own, ns, "SYN-ACK", 0)
        else:
            self.syn_at = self.syn_at or ns
            self.latest_syn_at = ns
            self._note_event(own, ns, "SYN", 0)

    def _data(self, own: Direction, ns: int, row: Row, data: bytes) -> None:
        """New data: the client asks, or the server answers; its ACK may give a round trip."""
        self._note_event(own, ns, "data", row[9])
        if own is self.client:
            self.asked_at = ns
        elif self.asked_at:
            if self.waits is NO_DURATIONS:
                self.waits = DurationStats()
            self.waits.add(ns - self.asked_at)
            self.asked_at = 0
        if own.probe is None and own.probe_stamp is None:
            stamp = _timestamp(data, row[10])
            if stamp is not None:
                own.probe_stamp = stamp[0]
            else:
                own.probe = row[5] + row[9] & MASK
            own.probe_at = ns

    def _count(self, own: Direction, ns: int, row: Row, analysis: int) -> None:
        if analysis & RETRANS:
            self._note_event(own, ns, _retransmission(own, row[7], analysis), row[9])
        for flag, counter, kind in COUNTED:
            if analysis & flag:
                counts = own.counted()
                setattr(counts, counter, getattr(counts, counter) + 1)
                self._note_event(own, ns, kind, row[9] if flag == OUT_OF_ORDER else 0)

    def error(self, ns: int, note: str, source: str, of_client: bool) -> None:
        """An ICMP error about a packet of this connection, and who sent it."""
        self.icmp += 1
        self.icmp_note, self.icmp_from = note, source
        last = self.events[-1] if self.events else None
        if last is not None and (last.kind, last.note) == ("ICMP", note):
            last.until = ns
            last.count += 1
        else:
            self._add_event(FlowEvent(ns, ns, False, "ICMP", note=note))

    def _note_event(self, own: Direction, ns: int, kind: Kind, size: int) -> None:
        events = self.events
        if events:
            last = events[-1]
            if last.kind == kind and last.by_client == own.client:
                last.until = ns
                last.count += 1
                last.size += size
                return
        self._add_event(FlowEvent(ns, ns, own.client, kind, count=1, size=size))

    def _add_event(self, event: FlowEvent) -> None:
        if self.events is NO_EVENTS:
            self.events = [event]
        elif len(self.events) < MAX_EVENTS:
            self.events.append(event)

    # --- what it comes to

    @property
    def state(self) -> str:
        """In words, what became of the connection so far."""
        if self.syn_at and not self.synack_at and (failed := self._not_opened()):
            return failed
        if self.reset_by is not None:
            return f"reset by {_side(self.reset_by)}"
        if self.client.fin_at and self.server.fin_at:
            return "closed"
        if self.client.fin_at or self.server.fin_at:
            return f"half-closed by {_side(self.client if self.client.fin_at else self.server)}"
        if self.synack_at and not self.acked_at:
            return "handshake not completed"
        return "open" if self.acked_at else "midstream"

    def _not_opened(self) -> str:
        """Why no SYN-ACK came, as far as it shows; '' where it does not."""
        if self.reset_by is self.server:
            return "refused"
        if self.icmp:
            return "unreachable"
        return "" if self.server.packets else "unanswered"

    @property
    def one_sided(self) -> bool:
        """Whether packets of one direction only were seen."""
        return not self.client.packets or not self.server.packets

    @property
    def retransmitted(self) -> int:
        return self.client.retransmitted + self.server.retransmitted


def _side(direction: Direction) -> str:
    return "client" if direction.client else "server"


def _retransmission(own: Direction, flags: int, analysis: int) -> Kind:
    """Counts a retransmission by its kind."""
    counts = own.counted()
    if analysis & SPURIOUS_RETRANSMISSION:
        counts.spurious += 1
        return "spurious retransmission"
    if analysis & FAST_RETRANSMISSION:
        counts.fast += 1
        return "fast retransmission"
    if flags & SYN:
        counts.syn_retransmitted += 1
    else:
        counts.timeouts += 1
    return "retransmission"


def _measure_rtt(peer: Direction, ns: int, row: Row, data: bytes) -> None:
    """A round trip, where this ACK answers the segment that the peer is measured by."""
    if peer.probe_stamp is not None:
        stamp = _timestamp(data, row[10])
        if stamp is None or (stamp[1] - peer.probe_stamp) & MASK > AHEAD:
            return
        if stamp[1] == peer.probe_stamp:
            peer.add_rtt(ns - peer.probe_at)
        peer.probe_stamp = None
    elif peer.probe is not None and (row[6] - peer.probe) & MASK <= AHEAD:
        peer.add_rtt(ns - peer.probe_at)
        peer.probe = None


def _syn_options(data: bytes, start: int) -> tuple[int | None, int | None]:
    """Window scale and MSS of a SYN whose TCP header begins at `start`. A scale that is not offered
    is 0; both are None where the options were not captured."""
    if start + 20 > len(data):
        return None, None
    end = start + (data[start + 12] >> 4) * 4
    if end > len(data):
        return None, None
    options = tcp_options(data[start + 20 : end])
    return min(options.window_scale or 0, 14), options.mss


def _timestamp(data: bytes, start: int) -> tuple[int, int] | None:
    """(value, echo reply) where the options are laid out as every system does it: NOP NOP
    timestamp, before all others."""
    if data[start + 20 : start + 24] != b"\x01\x01\x08\x0a" or start + 32 > len(data):
        return None
    value = int.from_bytes(data[start + 24 : start + 28], "big")
    return value, int.from_bytes(data[start + 28 : start + 32], "big")
