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
from collectors.capture.direction import NOT_SEEN, Direction, interface_direction
from collectors.capture.flow_event import (
    ACK_DUPLICATED,
    ACK_SENT,
    DATA_SENT,
    FIN_RETRANSMITTED,
    FIN_SENT,
    KEPT_ALIVE,
    NO_EVENT,
    RETRANSMITTED,
    RETRANSMITTED_FAST,
    RETRANSMITTED_SPURIOUSLY,
    RST_SENT,
    SENT_OUT_OF_ORDER,
    SYN_ACK_RETRANSMITTED,
    SYN_ACK_SENT,
    SYN_RETRANSMITTED,
    SYN_SENT,
    WINDOW_FILLED,
    WINDOW_ZERO,
)
from collectors.capture.flow_events import FlowWithEvents
from collectors.capture.header_row import HeaderRow
from collectors.capture.header_values import ACK, AHEAD, FIN, MASK, RST, SYN
from collectors.capture.syn_options import read_syn_options
from collectors.capture.tcp_sequence import analyse

NOP_NOP_TIMESTAMP = 0x0101080A
NOT_NEW_DATA = RETRANS | KEEP_ALIVE | ZERO_WINDOW_PROBE
# analysis flag, the counter of its direction, the event that it makes
COUNTED = (
    (OUT_OF_ORDER, "out_of_order", SENT_OUT_OF_ORDER),
    (DUPLICATE_ACK, "duplicate_acks", ACK_DUPLICATED),
    (ZERO_WINDOW, "zero_windows", WINDOW_ZERO),
    (WINDOW_FULL, "window_full", WINDOW_FILLED),
    (KEEP_ALIVE, "keep_alives", KEPT_ALIVE),
)


class TcpFlow(FlowWithEvents):
    """A connection. The client is who sent the SYN, or who most likely did."""

    __slots__ = (
        "acked_at",
        "client",
        "first_rtt",
        "latest_syn_at",
        "reset_by",
        "server",
        "syn_at",
        "synack_at",
    )
    protocol = "TCP"

    def __init__(self, number: int, row: HeaderRow) -> None:
        self.begin(number, row)

    def begin(self, number: int, row: HeaderRow) -> None:
        """A connection, of its first packet."""
        self.enter(number, row)
        first, second = Direction.__new__(Direction), Direction.__new__(Direction)
        first.begin(row.source, row.source_port, row.interface)
        second.begin(row.destination, row.destination_port, -1)
        opens = row.flags & (SYN | ACK)
        downward = row.source_port < row.destination_port
        if opens == SYN | ACK or (not opens & SYN and downward):
            first, second = second, first
        self.client, self.server = first, second
        first.client = True
        self.syn_at = self.latest_syn_at = self.synack_at = self.acked_at = 0
        self.first_rtt = 0  # the handshake's, from the latest SYN
        self.reset_by: Direction | None = None

    # --- every packet

    def add(self, own: Direction, peer: Direction, row: HeaderRow) -> int:
        """One packet that `own` sent; its analysis flags."""
        ns, flags, length, interface = row.ns, row.flags, row.length, row.interface
        if own.interface < 0:
            own.interface = interface
        elif own.interface != interface and (own.reset_at or not flags & RST):
            return self._copy(own, row)  # but a RST that came here alone: another end sent it
        self.last_ns = ns
        own.packets += 1
        own.bytes += row.wire
        analysis = analyse(own, peer, row, self.first_rtt)
        event = NO_EVENT  # that it makes: one at most
        if flags & (SYN | FIN | RST):
            event = self._phase(own, row)
        elif not self.acked_at and self.synack_at and own is self.client:
            self._handshake_completed(ns)
            event = DATA_SENT if length else ACK_SENT
        if flags & ACK and (peer.probe >= 0 or peer.probe_stamp >= 0):
            _measure_rtt(peer, row)
        if length:
            own.segments += 1
            own.payload += length
            if not analysis & NOT_NEW_DATA:
                self._data(own, row)
                event = DATA_SENT if event == NO_EVENT else event
            else:
                own.probe = NOT_SEEN  # Karn: an ACK of what was retransmitted gives no round trip
        if analysis:
            event = _count(own, row, analysis, event)
        if event != NO_EVENT:
            self.note(ns, own.client, event, length)
        return analysis

    def _copy(self, own: Direction, row: HeaderRow) -> int:
        """The same direction on another interface: counted once, where it was seen first."""
        self.copies += 1
        if row.flags & SYN:
            own.seen_on |= interface_direction(row)
        return COPY

    # --- what only some packets do

    def _handshake_completed(self, ns: int) -> None:
        self.acked_at = ns
        self.first_rtt = max(ns - self.latest_syn_at, 0) if self.latest_syn_at else 0

    def _phase(self, own: Direction, row: HeaderRow) -> int:
        ns, flags = row.ns, row.flags
        if flags & RST:
            if self.reset_by is None:
                self.reset_by = own
            own.reset_at = own.reset_at or ns
            return RST_SENT
        if flags & SYN:
            read_syn_options(own, row)
            own.seen_on |= interface_direction(row)
            return self._opening(ns, flags)
        own.fin_at = own.fin_at or ns
        return FIN_SENT

    def _opening(self, ns: int, flags: int) -> int:
        if flags & ACK:
            self.synack_at = self.synack_at or ns
            return SYN_ACK_SENT
        self.syn_at = self.syn_at or ns
        self.latest_syn_at = ns
        return SYN_SENT

    def _data(self, own: Direction, row: HeaderRow) -> None:
        """New data: the client asks, or the server answers; its ACK may give a round trip."""
        ns = row.ns
        if own is self.client:
            self.asked_at = ns
        else:
            self.answered(ns)
        if own.probe < 0 and own.probe_stamp < 0:
            if _has_timestamp(row):
                own.probe_stamp = _word(row.data, row.offset + 24)
            else:
                own.probe = row.sequence + row.length & MASK
            own.probe_at = ns

    def error(self, ns: int, note: str, source: str, of_client: bool) -> None:
        """An ICMP error about a packet of this connection, and who sent it."""
        self.icmp += 1
        self.icmp_note, self.icmp_from = note, source
        self.note_error(ns, note)

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
        is_opened = self.server.packets or not self.client.first_ack  # it acknowledges an answer
        return "" if is_opened else "unanswered"

    @property
    def one_sided(self) -> bool:
        """Whether packets of one direction only were seen."""
        return not self.client.packets or not self.server.packets

    @property
    def retransmitted(self) -> int:
        """Segments of every kind: SYNs and FINs, which are none of `segments`, among them."""
        return self.client.retransmitted + self.server.retransmitted


def _side(direction: Direction) -> str:
    return "client" if direction.client else "server"


def _count(own: Direction, row: HeaderRow, analysis: int, event: int) -> int:
    """Counts what a segment is called. The event that it makes: `event` where that makes none."""
    found = _retransmission(own, row, analysis) if analysis & RETRANS else NO_EVENT
    for flag, counter, kind in COUNTED:
        if analysis & flag:
            counts = own.counted()
            setattr(counts, counter, getattr(counts, counter) + 1)
            found = kind if found == NO_EVENT else found
    return event if found == NO_EVENT else found


def _retransmission(own: Direction, row: HeaderRow, analysis: int) -> int:
    """Counts a retransmission by its kind: only what has data is one of the data segments."""
    counts = own.counted()
    if row.flags & SYN:
        counts.syn_retransmitted += 1
        return SYN_ACK_RETRANSMITTED if row.flags & ACK else SYN_RETRANSMITTED
    if not row.length:
        counts.fin_retransmitted += 1
        return FIN_RETRANSMITTED
    if analysis & SPURIOUS_RETRANSMISSION:
        counts.spurious += 1
        return RETRANSMITTED_SPURIOUSLY
    if analysis & FAST_RETRANSMISSION:
        counts.fast += 1
        return RETRANSMITTED_FAST
    counts.timeouts += 1
    return RETRANSMITTED


def _measure_rtt(peer: Direction, row: HeaderRow) -> None:
    """A round trip, where this ACK answers the segment that the peer is measured by."""
    if peer.probe_stamp >= 0:
        echo = _word(row.data, row.offset + 28) if _has_timestamp(row) else NOT_SEEN
        if echo < 0 or (echo - peer.probe_stamp) & MASK > AHEAD:
            return
        if echo == peer.probe_stamp:
            peer.add_rtt(row.ns - peer.probe_at)
        peer.probe_stamp = NOT_SEEN
    elif peer.probe >= 0 and (row.acknowledgment - peer.probe) & MASK <= AHEAD:
        peer.add_rtt(row.ns - peer.probe_at)
        peer.probe = NOT_SEEN


def _has_timestamp(row: HeaderRow) -> bool:
    """Whether the options are laid out as every system does it: NOP NOP timestamp, before all
    others."""
    data, start = row.data, row.offset
    return start + 32 <= row.end and _word(data, start + 20) == NOP_NOP_TIMESTAMP


def _word(data: bytes, at: int) -> int:
    first, second = data[at], data[at + 1]
    return first << 24 | second << 16 | data[at + 2] << 8 | data[at + 3]
