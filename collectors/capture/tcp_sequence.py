"""Sequence analysis of one TCP segment after another: retransmissions, gaps, windows, keep-alives.

It follows what Wireshark documents of its own (User's Guide, "TCP Analysis"), so that both describe
a packet alike; where podwire differs, tests/collectors/test_tshark.py says why.

Functions get the direction that sent the segment (`own`), the other one (`peer`) and the packet's
header row. They run for every packet.
"""

from __future__ import annotations

from collectors.capture.analysis_flags import (
    ACKED_UNSEEN,
    DUPLICATE_ACK,
    FAST_RETRANSMISSION,
    KEEP_ALIVE,
    KEEP_ALIVE_ACK,
    LOST_SEGMENT,
    OUT_OF_ORDER,
    RETRANSMISSION,
    SPURIOUS_RETRANSMISSION,
    WINDOW_FULL,
    WINDOW_UPDATE,
    ZERO_WINDOW,
    ZERO_WINDOW_PROBE,
    ZERO_WINDOW_PROBE_ACK,
)
from collectors.capture.direction import Direction
from collectors.capture.header_row import HeaderRow
from collectors.capture.header_values import ACK, AHEAD, FIN, MASK, RST, SYN

FAST_NS = 20_000_000  # a retransmission this soon after a third duplicate ACK is a fast one
REORDER_NS = 3_000_000  # where no round trip was seen: later than this it is no reordering
REPORTED = -1  # instead of a count of duplicate ACKs: an ACK of unseen data was reported
CONTROL = SYN | FIN | RST


def analyse(own: Direction, peer: Direction, row: HeaderRow, first_rtt: int) -> int:
    """The analysis flags of a segment; moves both directions on. `first_rtt` is the handshake's."""
    seq, ack, flags, length = (
        row.sequence,
        row.acknowledgment,
        row.flags,
        row.length,
    )
    ahead = -1 if own.end < 0 else (seq - own.end) & MASK  # 0: just in order
    if flags & CONTROL:
        found = LOST_SEGMENT if 0 < ahead <= AHEAD and not flags & RST else 0
    elif length == 1 and ahead == 0 and peer.window == 0 and peer.last_ack >= 0:
        found = ZERO_WINDOW_PROBE
    else:
        found = _plain(own, peer, row, ahead)
    if ack != own.last_ack and not found & (KEEP_ALIVE_ACK | ZERO_WINDOW_PROBE_ACK):
        own.duplicates = 0
    if flags & ACK and peer.ahead >= 0 and 0 < (ack - peer.ahead) & MASK <= AHEAD:
        found |= _acked_unseen(peer)
    if length or flags & (SYN | FIN):
        if not found & KEEP_ALIVE:
            found |= _repeated(own, peer, row, first_rtt)
        if not found & ZERO_WINDOW_PROBE:
            _advance(own, row)
    elif own.end < 0 or 0 < ahead <= AHEAD or own.ahead == seq:
        _advance(own, row)
    own.window = row.window
    own.last_ack = ack
    own.last_ack_at = row.ns
    if flags & ACK and not flags & CONTROL:
        own.first_ack = False
    own.last_analysis = found
    return found


def _plain(own: Direction, peer: Direction, row: HeaderRow, ahead: int) -> int:
    """A segment without SYN, FIN or RST."""
    seq, ack, window, length = row.sequence, row.acknowledgment, row.window, row.length
    found = 0 if window else ZERO_WINDOW
    if 0 < ahead <= AHEAD:
        found |= LOST_SEGMENT
    elif ahead == MASK and length <= 1:
        found |= KEEP_ALIVE
    if not length:
        if ahead == 0 and ack == own.last_ack:
            found |= _same_ack(own, peer, window)
    elif peer.scale >= 0 and peer.last_ack >= 0:
        offered = peer.window << (0 if peer.first_ack else peer.scale)
        if (seq + length - peer.last_ack) & MASK == offered:
            found |= WINDOW_FULL
    return found


def _same_ack(own: Direction, peer: Direction, window: int) -> int:
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


def _acked_unseen(peer: Direction) -> int:
    """An ACK of data that was not captured: reported once, until the peer sends or acknowledges
    something new."""
    if peer.ahead != peer.end:
        peer.ahead = peer.end
        return ACKED_UNSEEN
    reported, peer.duplicates = peer.duplicates != 0, REPORTED
    return 0 if reported else ACKED_UNSEEN


def _repeated(own: Direction, peer: Direction, row: HeaderRow, first_rtt: int) -> int:
    """What a segment is that begins before the highest byte seen; 0 where it does not."""
    seq, length = row.sequence, row.length
    if length and peer.last_ack > 0 and (peer.last_ack - seq - length) & MASK <= AHEAD:
        return RETRANSMISSION | SPURIOUS_RETRANSMISSION
    ahead = -1 if own.end < 0 else (seq - own.end) & MASK
    if ahead <= AHEAD or (length > 1 and ahead == MASK):
        return 0  # new, or it follows a probe of one byte: the rest is new
    third = peer.duplicates >= 2 or peer.duplicates == REPORTED
    if third and peer.last_ack == seq and row.ns - peer.last_ack_at < FAST_NS:
        return RETRANSMISSION | FAST_RETRANSMISSION
    size = length + (1 if row.flags & (SYN | FIN) else 0)
    if own.end == (seq + size) & MASK or row.ns - own.end_at >= (first_rtt or REORDER_NS):
        return RETRANSMISSION
    return OUT_OF_ORDER


def _advance(own: Direction, row: HeaderRow) -> None:
    """Move the direction's sequence space on to the end of this segment."""
    seq, flags = row.sequence, row.flags
    end = seq + row.length & MASK
    if flags & (SYN | FIN):
        end = end + 1 & MASK
    if own.start < 0:
        own.start = seq if flags & SYN else seq - 1 & MASK
    if own.end < 0 or 0 < (end - own.end) & MASK <= AHEAD:
        own.end, own.end_at = end, row.ns
    if own.ahead < 0 or own.ahead == seq:
        own.ahead = own.end  # a gap that is filled joins what came after it
