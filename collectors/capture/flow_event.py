"""What may happen in a TCP connection, as it is shown: how it is kept is flow_events' matter."""

from __future__ import annotations

from typing import Literal, get_args

Kind = Literal[
    "SYN",
    "SYN-ACK",
    "ACK",
    "data",
    "retransmission",
    "fast retransmission",
    "spurious retransmission",
    "SYN retransmission",
    "SYN-ACK retransmission",
    "FIN retransmission",
    "out of order",
    "duplicate ACK",
    "zero window",
    "window full",
    "FIN",
    "RST",
    "keep-alive",
    "ICMP",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
# The place of each in KINDS
(
    SYN_SENT,
    SYN_ACK_SENT,
    ACK_SENT,
    DATA_SENT,
    RETRANSMITTED,
    RETRANSMITTED_FAST,
    RETRANSMITTED_SPURIOUSLY,
    SYN_RETRANSMITTED,
    SYN_ACK_RETRANSMITTED,
    FIN_RETRANSMITTED,
    SENT_OUT_OF_ORDER,
    ACK_DUPLICATED,
    WINDOW_ZERO,
    WINDOW_FILLED,
    FIN_SENT,
    RST_SENT,
    KEPT_ALIVE,
    ICMP_ERROR,
) = range(len(KINDS))
NO_EVENT = -1


class FlowEvent:
    """Something that happened in a connection: `count` alike in a row, with `size` bytes in all,
    from `at` `until`, in nanoseconds."""

    __slots__ = ("at", "by_client", "count", "kind", "note", "size", "until")

    def __init__(self, at: int, by_client: bool, kind: Kind, size: int = 0, note: str = "") -> None:
        self.at = self.until = at
        self.by_client = by_client
        self.kind: Kind = kind
        self.count = 1
        self.size = size
        self.note = note
