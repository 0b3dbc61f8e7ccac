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
    interface_direction,
)
from collectors.capture.header_rows import HeaderRow
from collectors.capture.layers import ACK, FIN, RST, SYN
from collectors.capture.tcp_options import tcp_options

MASK, HALF = 0xFFFFFFFF, 0x7FFFFFFF
FAST_NS = 20_000_000  # a retransmitted segment this soon after a third duplicate ACK is a fast retransmission
REORDER_NS = 3_000_000  # where no round trip was seen: later than this it is no reordering
MAX_EVENTS = 400
TOLD = -1  # in the place of a count of duplicate ACKs: that an ACK of what was not captured has been results


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
        "events",
        "number",
        "reset_by",
        "server",
        "syn_at",
        "synack_at",
        "waits",
    )
    protocol = "TCP"

    def __init__(self, number: int, ns: int, row: HeaderRow) -> None:
        _, source, destination, sport, dport, _, _, flags, *_ = row
        first, second = Direction(source, sport, row[12]), Direction(destination, dport, -1)
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
        self.events: list[FlowEvent] = []

    # --- every packet

    def add(
        self, own: Direction, peer: Direction, ns: int, row: HeaderRow, data: bytes, wire: int
    ) -> int:
        """One packet that `own` sent; what it is called. `wire` is its length there."""
        _, _, _, _, _, seq, ack, flags, window, length, offset, ident, interface = row
        if own.interface < 0:
            own.interface = interface
        elif own.interface != interface:
            self.copies += 1
            if flags & SYN:
                own.seen_on |= interface_direction(data, interface)
            return COPY
        self.last_ns = ns
        own.packets += 1
        own.bytes += wire
        own.last_ident = ident
        analysis = self._sequence(own, peer, ns, seq, ack, flags, window, length)
        if flags & 7:  # SYN, FIN, RST
            self._phase(own, ns, flags, data, offset, interface)
        elif not self.acked_at and self.synack_at and own is self.client:
            self.acked_at = ns
            self.first_rtt = ns - self.syn_at if self.syn_at else 0
            self._note_event(own, ns, "ACK", 0)
        if peer.probe is not None or peer.probe_stamp is not None:
            self._answer(peer, ns, ack, flags, data, offset)
        if length:
            own.segments += 1
            own.payload += length
            if not analysis & (RETRANS | KEEP_ALIVE | ZERO_WINDOW_PROBE):
                self._data(own, ns, seq, length, data, offset)
            elif own.probe is not None:
                own.probe = None  # Karn: an ACK of what was retransmitted tells no round trip
        if analysis:
            self._count(own, ns, analysis, flags, length)
        return analysis

    def _sequence(
        self,
        own: Direction,
        peer: Direction,
        ns: int,
        seq: int,
        ack: int,
        flags: int,
        window: int,
        length: int,
    ) -> int:
        """What Wireshark's sequence analysis would call the packet; moves both ends on."""
        end, analysis = own.end, 0
        plain = not flags & (SYN | FIN | RST)
        ahead = -1 if end is None else (seq - end) & MASK  # 0: just in order
        if length == 1 and ahead == 0 and peer.last_ack is not None and peer.window == 0 and plain:
            analysis = ZERO_WINDOW_PROBE
        else:
            if window == 0 and plain:
                analysis = ZERO_WINDOW
            if 0 < ahead <= HALF and not flags & RST:
                analysis |= LOST_SEGMENT
            elif ahead == MASK and length <= 1 and plain:
                analysis |= KEEP_ALIVE
            if length:
                if (
                    plain
                    and peer.scale is not None
                    and peer.last_ack is not None
                    and (seq + length - peer.last_ack) & MASK
                    == peer.window << (0 if peer.first_ack else peer.scale)
                ):
                    analysis |= WINDOW_FULL
            elif ahead == 0 and ack == own.last_ack and plain:
                analysis |= self._same_ack(own, peer, window)
        if ack != own.last_ack and not analysis & (KEEP_ALIVE_ACK | ZERO_WINDOW_PROBE_ACK):
            own.duplicates = 0
        if flags & ACK and peer.ahead is not None and 0 < (ack - peer.ahead) & MASK <= HALF:
            analysis |= self._unseen(peer)
        if (
            length
            and peer.last_ack
            and (peer.last_ack - seq - length) & MASK <= HALF
            and not analysis & KEEP_ALIVE
        ):
            analysis |= RETRANSMISSION | SPURIOUS_RETRANSMISSION
        elif (length or flags & (SYN | FIN)) and ahead > HALF and not analysis & KEEP_ALIVE:
            analysis |= self._retransmitted(
                own, peer, ns, seq, length, length + (1 if flags & (SYN | FIN) else 0), ahead
            )
        self._move(own, ns, seq, flags, length, analysis)
        own.window = window
        own.last_ack = ack
        own.last_ack_at = ns
        if flags & ACK and plain:
            own.first_ack = False
        own.last_analysis = analysis
        return analysis

    def _same_ack(self, own: Direction, peer: Direction, window: int) -> int:
        """An ACK alone, in order, that acknowledges what the last one did."""
        if window != own.window:
            return WINDOW_UPDATE if window else 0
        if peer.last_analysis & KEEP_ALIVE and window:
            return KEEP_ALIVE_ACK
        if peer.last_analysis & ZERO_WINDOW_PROBE and not window:
            return ZERO_WINDOW_PROBE_ACK
        if not window:
            return 0
        own.duplicates = max(own.duplicates, 0) + 1
        return DUPLICATE_ACK

    def _unseen(self, peer: Direction) -> int:
        """An ACK of what was not captured: results once, until the other end sends or acknowledges something new."""
        if peer.ahead != peer.end:
            peer.ahead = peer.end
            return ACKED_UNSEEN
        results, peer.duplicates = peer.duplicates != 0, TOLD
        return 0 if results else ACKED_UNSEEN

    def _retransmitted(
        self,
        own: Direction,
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
        close = ns - own.end_at < (self.first_rtt or REORDER_NS)
        return OUT_OF_ORDER if close and own.end != (seq + size) & MASK else RETRANSMISSION

    def _move(
        self, own: Direction, ns: int, seq: int, flags: int, length: int, analysis: int
    ) -> None:
        if analysis & ZERO_WINDOW_PROBE:
            return
        behind = seq + length & MASK
        if flags & (SYN | FIN):
            behind = behind + 1 & MASK
        if own.start is None:
            own.start = seq if flags & SYN else seq - 1 & MASK
        if own.end is None or 0 < (behind - own.end) & MASK <= HALF:
            own.end, own.end_at = behind, ns
        if own.ahead is None or own.ahead == seq:
            own.ahead = own.end  # a hole that is filled joins what came after it

    # --- what only some packets do

    def _phase(
        self, own: Direction, ns: int, flags: int, data: bytes, offset: int, interface: int
    ) -> None:
        if flags & RST:
            if self.reset_by is None:
                self.reset_by = own
            own.reset_at = own.reset_at or ns
            self._note_event(own, ns, "RST", 0)
        elif flags & SYN:
            own.scale, own.mss = _syn_options(data, offset)
            own.seen_on |= interface_direction(data, interface)
            if flags & ACK:
                self.synack_at = self.synack_at or ns
                self._note_event(own, ns, "SYN-ACK", 0)
            else:
                self.syn_at = self.syn_at or ns
                self._note_event(own, ns, "SYN", 0)
        elif flags & FIN:
            own.fin_at = own.fin_at or ns
            self._note_event(own, ns, "FIN", 0)

    def _data(
        self, own: Direction, ns: int, seq: int, length: int, data: bytes, offset: int
    ) -> None:
        self._note_event(own, ns, "data", length)
        if own is self.client:
            self.asked_at = ns
        elif self.asked_at:
            self.waits.add(ns - self.asked_at)
            self.asked_at = 0
        if own.probe is None and own.probe_stamp is None:
            stamp = _timestamp(data, offset)
            if stamp is not None:
                own.probe_stamp = stamp[0]
            else:
                own.probe = seq + length & MASK
            own.probe_at = ns

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

    def _count(self, own: Direction, ns: int, analysis: int, flags: int, length: int) -> None:
        if analysis & RETRANS:
            kind: Kind = "retransmission"
            if analysis & SPURIOUS_RETRANSMISSION:
                own.spurious += 1
                kind = "spurious retransmission"
            elif analysis & FAST_RETRANSMISSION:
                own.fast += 1
                kind = "fast retransmission"
            elif flags & SYN:
                own.syn_retransmitted += 1
            else:
                own.timeouts += 1
            self._note_event(own, ns, kind, length)
        if analysis & OUT_OF_ORDER:
            own.out_of_order += 1
            self._note_event(own, ns, "out of order", length)
        if analysis & DUPLICATE_ACK:
            own.duplicate_acks += 1
            self._note_event(own, ns, "duplicate ACK", 0)
        if analysis & ZERO_WINDOW:
            own.zero_windows += 1
            self._note_event(own, ns, "zero window", 0)
        if analysis & WINDOW_FULL:
            own.window_full += 1
            self._note_event(own, ns, "window full", 0)
        if analysis & KEEP_ALIVE:
            own.keep_alives += 1
            self._note_event(own, ns, "keep-alive", 0)

    def error(self, ns: int, note: str, source: str) -> None:
        """An ICMP error that speaks of a packet of this connection, and who sent it."""
        self.icmp += 1
        self.icmp_note, self.icmp_from = note, source
        self.events.append(FlowEvent(ns, ns, False, "ICMP", note=note))

    def _note_event(self, own: Direction, ns: int, kind: Kind, size: int) -> None:
        events = self.events
        if events:
            last = events[-1]
            if last.kind == kind and last.by_client == own.client:
                last.until = ns
                last.count += 1
                last.size += size
                return
        if len(events) < MAX_EVENTS:
            events.append(FlowEvent(ns, ns, own.client, kind, 1, size))

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
            return f"own-closed by {'client' if client.fin_at else 'server'}"
        if self.synack_at and not self.acked_at:
            return "handshake not completed"
        return "open" if self.acked_at else "midstream"

    @property
    def one_sided(self) -> bool:
        """Whether packets of one direction only were seen."""
        return not self.client.packets or not self.server.packets

    @property
    def retransmitted(self) -> int:
        return self.client.retransmitted + self.server.retransmitted


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
