"""One direction of a TCP connection, and what is noted of a connection as it goes. Times are
nanoseconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

IN, OUT = 1, 2  # it came in by an interface, it went out by one
OUTGOING = 4  # packet type in the header of cooked v2

Kind = Literal[
    "SYN",
    "SYN-ACK",
    "ACK",
    "data",
    "retransmission",
    "fast retransmission",
    "spurious retransmission",
    "out of order",
    "duplicate ACK",
    "zero window",
    "window full",
    "FIN",
    "RST",
    "keep-alive",
    "ICMP",
]


def interface_direction(data: bytes, interface: int) -> int:
    """IN or OUT of a packet on cooked v2, the only link type whose packets name their interface
    (LINKTYPE_LINUX_SLL2); 0 of others."""
    return 0 if not interface else OUT if data[10] == OUTGOING else IN


@dataclass(slots=True)
class FlowEvent:
    """Something that happened in a connection: `count` alike in a row, with `size` bytes in all."""

    at: int
    until: int
    by_client: bool
    kind: Kind
    count: int = 1
    size: int = 0
    note: str = ""


class DurationStats:
    """Smallest, mean and largest of some durations, in nanoseconds."""

    __slots__ = (
        "count",
        "largest",
        "smallest",
        "total",
    )

    def __init__(self) -> None:
        self.count = self.total = self.largest = 0
        self.smallest = 1 << 62

    def add(self, ns: int) -> None:
        if ns < 0:  # the capture's clock was set back meanwhile
            return
        self.count += 1
        self.total += ns
        if ns < self.smallest:
            self.smallest = ns
        if ns > self.largest:
            self.largest = ns

    @property
    def mean(self) -> float:
        return self.total / self.count if self.count else 0.0


class Direction:
    """One direction: what this end sent. None is 'not seen yet'."""

    __slots__ = (
        "address",
        "ahead",
        "bytes",
        "client",
        "duplicate_acks",
        "duplicates",
        "end",
        "end_at",
        "fast",
        "fin_at",
        "first_ack",
        "interface",
        "keep_alives",
        "last_ack",
        "last_ack_at",
        "last_analysis",
        "last_ident",
        "last_row_at",
        "mss",
        "out_of_order",
        "packets",
        "payload",
        "port",
        "probe",
        "probe_at",
        "probe_stamp",
        "reset_at",
        "rtt",
        "scale",
        "seen_on",
        "segments",
        "spurious",
        "start",
        "syn_retransmitted",
        "timeouts",
        "window",
        "window_full",
        "zero_windows",
    )

    def __init__(self, address: bytes, port: int, interface: int) -> None:
        self.address, self.port, self.interface = address, port, interface
        self.client = False
        self.packets = self.bytes = self.payload = self.segments = 0
        self.start: int | None = None  # sequence of the SYN, or what it would have been
        self.end: int | None = None  # behind the highest byte sent
        self.end_at = 0
        self.ahead: int | None = None  # behind the highest byte sent without a hole before it
        self.last_ack: int | None = None
        self.last_ack_at = 0
        self.seen_on = 0  # of its SYN, IN, OUT where a capture has it
        self.window = 0
        self.scale: int | None = None
        self.first_ack = True  # windows are not scaled in the handshake
        self.duplicates = 0  # ACKs alike in a row
        self.last_analysis = 0
        self.probe: int | None = None  # the byte whose ACK gives a round trip
        self.probe_stamp: int | None = None
        self.probe_at = 0
        self.rtt = DurationStats()
        self.fin_at = self.reset_at = 0
        self.last_ident = self.last_row_at = 0
        self.mss: int | None = None
        self.fast = self.timeouts = self.syn_retransmitted = self.spurious = self.out_of_order = 0
        self.duplicate_acks = self.zero_windows = self.window_full = self.keep_alives = 0

    @property
    def retransmitted(self) -> int:
        return self.fast + self.timeouts + self.syn_retransmitted + self.spurious
