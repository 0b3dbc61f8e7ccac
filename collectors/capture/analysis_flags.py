"""What a packet of a TCP connection can be called, as bits: several can hold."""

from __future__ import annotations

(
    RETRANSMISSION,
    FAST_RETRANSMISSION,
    SPURIOUS_RETRANSMISSION,
    OUT_OF_ORDER,
    DUPLICATE_ACK,
    ZERO_WINDOW,
    ZERO_WINDOW_PROBE,
    ZERO_WINDOW_PROBE_ACK,
    WINDOW_FULL,
    WINDOW_UPDATE,
    KEEP_ALIVE,
    KEEP_ALIVE_ACK,
    LOST_SEGMENT,
    ACKED_UNSEEN,
    COPY,
) = (1 << bit for bit in range(15))
ANALYSIS_FLAGS = {
    RETRANSMISSION: "retransmission",
    FAST_RETRANSMISSION: "fast retransmission",
    SPURIOUS_RETRANSMISSION: "spurious retransmission",
    OUT_OF_ORDER: "out of order",
    DUPLICATE_ACK: "duplicate ACK",
    ZERO_WINDOW: "zero window",
    ZERO_WINDOW_PROBE: "zero window probe",
    ZERO_WINDOW_PROBE_ACK: "zero window probe ACK",
    WINDOW_FULL: "window full",
    WINDOW_UPDATE: "window update",
    KEEP_ALIVE: "keep-alive",
    KEEP_ALIVE_ACK: "keep-alive ACK",
    LOST_SEGMENT: "previous segment not captured",
    ACKED_UNSEEN: "ACKed segment not captured",
    COPY: "seen before on another interface",
}
RETRANS = RETRANSMISSION | FAST_RETRANSMISSION | SPURIOUS_RETRANSMISSION
ODD = (
    SPURIOUS_RETRANSMISSION
    | OUT_OF_ORDER
    | DUPLICATE_ACK
    | LOST_SEGMENT
    | ACKED_UNSEEN
    | WINDOW_FULL
)
GOOD = WINDOW_UPDATE | KEEP_ALIVE | KEEP_ALIVE_ACK | COPY  # nothing to worry about


def analysis_flag_names(analysis: int) -> list[str]:
    return [name for bit, name in ANALYSIS_FLAGS.items() if analysis & bit]
