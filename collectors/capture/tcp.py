"""One TCP connection, worked out from its packets: handshake, losses, windows, resets, waiting times.

Sequence analysis follows what Wireshark documents of its own (User's Guide, "TCP Analysis"), so that both call a packet
the same; where podwire differs, tests/collectors/test_tshark.py says why. DurationStats are nanoseconds, sizes bytes.
"""

from __future__ import annotations

from collectors.capture.analysis_flags import (
    ACKED_UNSEEN,
    COPY,
    DUPLICATE_ACK,
    FAST_RETRANSMISSION,
    KEEP_ALIVE,
    KEEP_ALIVE_ACK,
    LOST_SEGMENT,
    OUT_OF_ORDER,
    RETRANS,
    RETRANSMISSION,
    SPURIOUS_RETRANSMISSION,
    WINDOW_FULL,
    WINDOW_UPDATE,
    ZERO_WINDOW,
    ZERO_WINDOW_PROBE,
    ZERO_WINDOW_PROBE_ACK,
)
from collectors.capture.direction import (
    Direction,
    DurationStats,
    FlowEvent,
    Kind,
    way,
)
from collectors.capture.header_rows import HeaderRow
from collectors.capture.layers import ACK, FIN, RST, SYN
from collectors.capture.tcp_options import tcp_options

MASK, HALF = 0xFFFFFFFF, 0x7FFFFFFF
FAST_NS = (
    20_000_000  # a resent segment this soon after a third duplicate ACK is a fast retransmission
)
REORDER_NS = 3_000_000  # where no round trip was seen: later than this it is no reordering
MAX_EVENTS = 400
TOLD = (
    -1
)  # in the place of a count of duplicate ACKs: that an ACK of what was not captured has been told


class TcpFlow:
    """A connection. `first` sent the first packet that was seen."""

    __slots__ = (
        "acked_at",
        "asked_at",
        "client",
        "copies",
        "first_ns",
        "first_rtt",
        "icmp",
        "icmp_from",
        "icmp_note",
        "last_ns",
        "moments",
        "number",
        "reset_by",
        "server",
        "syn_at",
        "synack_at",
        "waits",
    )
    protocol = "TCP"

    def __init__(self, number: int, ns: int, row: HeaderRow) -> None:
        _, source, target, sport, dport, _, _, flags, *_ = row
        first, second = Direction(source, sport, row[12]), Direction(target, dport, -1)
        opens = flags & (SYN | ACK)
        if opens == SYN | ACK or (not flags & SYN and sport < dport):
            first, second = second, first
        self.client, self.server = first, second
        first.client = True
        self.number = number
        self.first_ns = self.last_ns = ns
        self.syn_at = self.synack_at = self.acked_at = 0
        self.first_rtt = 0
        self.asked_at = 0
        self.waits = DurationStats()
        self.copies = 0
        self.reset_by: Direction | None = None
        self.icmp = 0
        self.icmp_from = self.icmp_note = ""
        self.moments: list[FlowEvent] = []

    # --- every packet

    def add(
        self, half: Direction, peer: Direction, ns: int, row: HeaderRow, data: bytes, wire: int
    ) -> int:
        """One packet that `half` sent; what it is called. `wire` is its length there."""
        _, _, _, _, _, seq, ack, flags, window, length, offset, ident, interface = row
        if half.interface < 0:
            half.interface = interface
        elif half.interface != interface:
            self.copies += 1
            if flags & SYN:
                half.ways |= way(data, interface)
            return COPY
        self.last_ns = ns
        half.packets += 1
        half.bytes += wire
        half.last_ident = ident
        marks = self._sequence(half, peer, ns, seq, ack, flags, window, length)
        if flags & 7:  # SYN, FIN, RST
            self._phase(half, ns, flags, data, offset, interface)
        elif not self.acked_at and self.synack_at and half is self.client:
            self.acked_at = ns
            self.first_rtt = ns - self.syn_at if self.syn_at else 0
            self._moment(half, ns, "ACK", 0)
        if peer.probe is not None or peer.probe_stamp is not None:
            self._answer(peer, ns, ack, flags, data, offset)
        if length:
            half.segments += 1
            half.payload += length
            if not marks & (RETRANS | KEEP_ALIVE | ZERO_WINDOW_PROBE):
                self._data(half, ns, seq, length, data, offset)
            elif half.probe is not None:
                half.probe = None  # Karn: an ACK of what was resent tells no round trip
        if marks:
            self._count(half, ns, marks, flags, length)
        return marks

    def _sequence(
        self,
        half: Direction,
        peer: Direction,
        ns: int,
        seq: int,
        ack: int,
        flags: int,
        window: int,
        length: int,
    ) -> int:
        """What Wireshark's sequence analysis would call the packet; moves both ends on."""
        end, marks = half.end, 0
        plain = not flags & (SYN | FIN | RST)
        ahead = -1 if end is None else (seq - end) & MASK  # 0: just in order
        if length == 1 and ahead == 0 and peer.last_ack is not None and peer.window == 0 and plain:
            marks = ZERO_WINDOW_PROBE
        else:
            if window == 0 and plain:
                marks = ZERO_WINDOW
            if 0 < ahead <= HALF and not flags & RST:
                marks |= LOST_SEGMENT
            elif ahead == MASK and length <= 1 and plain:
                marks |= KEEP_ALIVE
            if length:
                if (
                    plain
                    and peer.scale is not None
                    and peer.last_ack is not None
                    and (seq + length - peer.last_ack) & MASK
                    == peer.window << (0 if peer.first_ack else peer.scale)
                ):
                    marks |= WINDOW_FULL
            elif ahead == 0 and ack == half.last_ack and plain:
                marks |= self._same_ack(half, peer, window)
        if ack != half.last_ack and not marks & (KEEP_ALIVE_ACK | ZERO_WINDOW_PROBE_ACK):
            half.duplicates = 0
        if flags & ACK and peer.ahead is not None and 0 < (ack - peer.ahead) & MASK <= HALF:
            marks |= self._unseen(peer)
        if (
            length
            and peer.last_ack
            and (peer.last_ack - seq - length) & MASK <= HALF
            and not marks & KEEP_ALIVE
        ):
            marks |= RETRANSMISSION | SPURIOUS_RETRANSMISSION
        elif (length or flags & (SYN | FIN)) and ahead > HALF and not marks & KEEP_ALIVE:
            marks |= self._resent(
                half, peer, ns, seq, length, length + (1 if flags & (SYN | FIN) else 0), ahead
            )
        self._move(half, ns, seq, flags, length, marks)
        half.window = window
        half.last_ack = ack
        half.last_ack_at = ns
        if flags & ACK and plain:
            half.first_ack = False
        half.last_marks = marks
        return marks

    def _same_ack(self, half: Direction, peer: Direction, window: int) -> int:
        """An ACK alone, in order, that acknowledges what the last one did."""
        if window != half.window:
            return WINDOW_UPDATE if window else 0
        if peer.last_marks & KEEP_ALIVE and window:
            return KEEP_ALIVE_ACK
        if peer.last_marks & ZERO_WINDOW_PROBE and not window:
            return ZERO_WINDOW_PROBE_ACK
        if not window:
            return 0
        half.duplicates = max(half.duplicates, 0) + 1
        return DUPLICATE_ACK

    def _unseen(self, peer: Direction) -> int:
        """An ACK of what was not captured: told once, until the other end sends or acknowledges something new."""
        if peer.ahead != peer.end:
            peer.ahead = peer.end
            return ACKED_UNSEEN
        told, peer.duplicates = peer.duplicates != 0, TOLD
        return 0 if told else ACKED_UNSEEN

    def _resent(
        self,
        half: Direction,
        peer: Direction,
        ns: int,
        seq: int,
        length: int,
        size: int,
        ahead: int,
    ) -> int:
        """What a segment is that begins before the highest byte seen. `size` counts SYN and FIN, too."""
        if length > 1 and ahead == MASK:
            return 0  # it follows a probe of one byte: the rest is new
        if (
            (peer.duplicates >= 2 or peer.duplicates == TOLD)
            and peer.last_ack == seq
            and ns - peer.last_ack_at < FAST_NS
        ):
            return RETRANSMISSION | FAST_RETRANSMISSION
        close = ns - half.end_at < (self.first_rtt or REORDER_NS)
        return OUT_OF_ORDER if close and half.end != (seq + size) & MASK else RETRANSMISSION

    def _move(
        self, half: Direction, ns: int, seq: int, flags: int, length: int, marks: int
    ) -> None:
        if marks & ZERO_WINDOW_PROBE:
            return
        behind = seq + length & MASK
        if flags & (SYN | FIN):
            behind = behind + 1 & MASK
        if half.start is None:
            half.start = seq if flags & SYN else seq - 1 & MASK
        if half.end is None or 0 < (behind - half.end) & MASK <= HALF:
            half.end, half.end_at = behind, ns
        if half.ahead is None or half.ahead == seq:
            half.ahead = half.end  # a hole that is filled joins what came after it

    # --- what only some packets do

    def _phase(
        self, half: Direction, ns: int, flags: int, data: bytes, offset: int, interface: int
    ) -> None:
        if flags & RST:
            if self.reset_by is None:
                self.reset_by = half
            half.reset_at = half.reset_at or ns
            self._moment(half, ns, "RST", 0)
        elif flags & SYN:
            half.scale, half.mss = _syn_options(data, offset)
            half.ways |= way(data, interface)
            if flags & ACK:
                self.synack_at = self.synack_at or ns
                self._moment(half, ns, "SYN-ACK", 0)
            else:
                self.syn_at = self.syn_at or ns
                self._moment(half, ns, "SYN", 0)
        elif flags & FIN:
            half.fin_at = half.fin_at or ns
            self._moment(half, ns, "FIN", 0)

    def _data(
        self, half: Direction, ns: int, seq: int, length: int, data: bytes, offset: int
    ) -> None:
        self._moment(half, ns, "data", length)
        if half is self.client:
            self.asked_at = ns
        elif self.asked_at:
            self.waits.add(ns - self.asked_at)
            self.asked_at = 0
        if half.probe is None and half.probe_stamp is None:
            stamp = _timestamp(data, offset)
            if stamp is not None:
                half.probe_stamp = stamp[0]
            else:
                half.probe = seq + length & MASK
            half.probe_at = ns

    def _answer(
        self, peer: Direction, ns: int, ack: int, flags: int, data: bytes, offset: int
    ) -> None:
        """A round trip, where this packet answers the one that the other end is measured by."""
        if not flags & ACK:
            return
        if peer.probe_stamp is not None:
            stamp = _timestamp(data, offset)
            if stamp is None or (stamp[1] - peer.probe_stamp) & MASK > HALF:
                return
            if stamp[1] == peer.probe_stamp:
                peer.rtt.add(ns - peer.probe_at)
            peer.probe_stamp = None
        elif peer.probe is not None and (ack - peer.probe) & MASK <= HALF:
            peer.rtt.add(ns - peer.probe_at)
            peer.probe = None

    def _count(self, half: Direction, ns: int, marks: int, flags: int, length: int) -> None:
        if marks & RETRANS:
            kind: Kind = "retransmission"
            if marks & SPURIOUS_RETRANSMISSION:
                half.spurious += 1
                kind = "spurious retransmission"
            elif marks & FAST_RETRANSMISSION:
                half.fast += 1
                kind = "fast retransmission"
            elif flags & SYN:
                half.syn_resent += 1
            else:
                half.timeouts += 1
            self._moment(half, ns, kind, length)
        if marks & OUT_OF_ORDER:
            half.out_of_order += 1
            self._moment(half, ns, "out of order", length)
        if marks & DUPLICATE_ACK:
            half.duplicate_acks += 1
            self._moment(half, ns, "duplicate ACK", 0)
        if marks & ZERO_WINDOW:
            half.zero_windows += 1
            self._moment(half, ns, "zero window", 0)
        if marks & WINDOW_FULL:
            half.window_full += 1
            self._moment(half, ns, "window full", 0)
        if marks & KEEP_ALIVE:
            half.keep_alives += 1
            self._moment(half, ns, "keep-alive", 0)

    def error(self, ns: int, note: str, source: str) -> None:
        """An ICMP error that speaks of a packet of this connection, and who sent it."""
        self.icmp += 1
        self.icmp_note, self.icmp_from = note, source
        self.moments.append(FlowEvent(ns, ns, False, "ICMP", note=note))

    def _moment(self, half: Direction, ns: int, kind: Kind, size: int) -> None:
        moments = self.moments
        if moments:
            last = moments[-1]
            if last.kind == kind and last.by_client == half.client:
                last.until = ns
                last.count += 1
                last.size += size
                return
        if len(moments) < MAX_EVENTS:
            moments.append(FlowEvent(ns, ns, half.client, kind, 1, size))

    # --- what it comes to

    @property
    def state(self) -> str:
        """In words, what became of the connection so far."""
        client, server = self.client, self.server
        if self.syn_at and not self.synack_at:
            if self.reset_by is server:
                return "refused"
            if self.icmp:
                return "unreachable"
            if not server.packets:
                return "unanswered"
        if self.reset_by is not None:
            return f"reset by {'client' if self.reset_by.client else 'server'}"
        if client.fin_at and server.fin_at:
            return "closed"
        if client.fin_at or server.fin_at:
            return f"half-closed by {'client' if client.fin_at else 'server'}"
        if self.synack_at and not self.acked_at:
            return "handshake not completed"
        return "open" if self.acked_at else "seen midway"

    @property
    def one_sided(self) -> bool:
        """Whether packets of one direction only were seen."""
        return not self.client.packets or not self.server.packets

    @property
    def resent(self) -> int:
        return self.client.resent + self.server.resent


def _syn_options(data: bytes, start: int) -> tuple[int | None, int | None]:
    """Window scale and MSS of a SYN whose TCP header begins at `start`. A scale that is not offered is 0; both are
    None where the options were not captured."""
    if start + 20 > len(data):
        return None, None
    end = start + (data[start + 12] >> 4) * 4
    if end > len(data):
        return None, None
    options = tcp_options(data[start + 20 : end])
    return min(options.window_scale or 0, 14), options.mss


def _timestamp(data: bytes, start: int) -> tuple[int, int] | None:
    """(value, echo reply) where the options are laid out as every system does it: NOP NOP timestamp, first of all."""
    if data[start + 20 : start + 24] == b"\x01\x01\x08\x0a" and start + 32 <= len(data):
        return int.from_bytes(data[start + 24 : start + 28], "big"), int.from_bytes(
            data[start + 28 : start + 32], "big"
        )
    return None
