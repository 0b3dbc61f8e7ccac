"""One direction of a TCP connection: what its end sent. Times are nanoseconds."""

from __future__ import annotations

from collectors.capture.header_row import HeaderRow
from collectors.capture.header_values import OUTGOING

IN, OUT = 1, 2  # it came in by an interface, it went out by one
NOT_SEEN = _UNSEEN = -1  # the second one is a C integer here, which others cannot import
LIMIT_NS = WHOLE_NS = 1 << 62  # no duration is longer; the second one is no C integer anywhere


def interface_direction(row: HeaderRow) -> int:
    """IN or OUT of a packet on cooked v2, the only link type whose packets name their interface
    (LINKTYPE_LINUX_SLL2); 0 of others."""
    if not row.interface:
        return 0
    return OUT if row.data[row.begin + 10] == OUTGOING else IN


class DurationStats:
    """Smallest, mean and largest of some durations, in nanoseconds."""

    __slots__ = ("count", "largest", "rest", "smallest", "wholes")

    def __init__(self) -> None:
        self.count = self.largest = 0
        self.rest = self.wholes = 0  # the sum, in two: it may be beyond 64 bits
        self.smallest = LIMIT_NS

    def add(self, ns: int) -> None:
        if ns < 0:  # the capture's clock was set back meanwhile
            return
        self.count += 1
        self.rest += ns
        if self.rest >= LIMIT_NS:
            self.rest -= LIMIT_NS
            self.wholes += 1
        if ns < self.smallest:
            self.smallest = ns
        if ns > self.largest:
            self.largest = ns

    @property
    def total(self) -> int:
        return self.wholes * WHOLE_NS + self.rest

    @property
    def mean(self) -> float:
        return self.total / self.count if self.count else 0.0


NO_DURATIONS = DurationStats()  # of flows that have none: most of a flood


class SegmentCounts:
    """What went wrong in a direction, in segments. `fast`, `timeouts` and `spurious` are
    retransmissions of data."""

    __slots__ = (
        "duplicate_acks",
        "fast",
        "fin_retransmitted",
        "keep_alives",
        "out_of_order",
        "spurious",
        "syn_retransmitted",
        "timeouts",
        "window_full",
        "zero_windows",
    )

    def __init__(self) -> None:
        self.fast = self.timeouts = self.spurious = 0
        self.syn_retransmitted = self.fin_retransmitted = 0
        self.out_of_order = self.duplicate_acks = 0
        self.zero_windows = self.window_full = self.keep_alives = 0


NOTHING_COUNTED = SegmentCounts()  # of directions in which nothing went wrong


class Direction:
    """One direction: what this end sent. NOT_SEEN is below all sequence numbers, scales and
    sizes."""

    __slots__ = (
        "address",
        "ahead",
        "bytes",
        "client",
        "counts",
        "duplicates",
        "end",
        "end_at",
        "fin_at",
        "first_ack",
        "interface",
        "last_ack",
        "last_ack_at",
        "last_analysis",
        "mss",
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
        "start",
        "window",
    )

    def __init__(self, address: bytes, port: int, interface: int) -> None:
        self.begin(address, port, interface)

    def begin(self, address: bytes, port: int, interface: int) -> None:
        """What a new one is; where it is compiled, a call that costs little."""
        self.address, self.port, self.interface = address, port, interface
        self.client = False
        self.packets = self.bytes = self.payload = self.segments = 0
        self.start = _UNSEEN  # sequence of the SYN, or what it would have been
        self.end = _UNSEEN  # behind the highest byte sent
        self.end_at = 0
        self.ahead = _UNSEEN  # behind the highest byte sent without a hole before it
        self.last_ack = _UNSEEN
        self.last_ack_at = 0
        self.seen_on = 0  # of its SYN, IN, OUT where a capture has it
        self.window = 0
        self.scale = _UNSEEN
        self.first_ack = True  # windows are not scaled in the handshake
        self.duplicates = 0  # ACKs alike in a row
        self.last_analysis = 0
        self.probe = _UNSEEN  # the byte whose ACK gives a round trip
        self.probe_stamp = _UNSEEN
        self.probe_at = 0
        self.rtt = NO_DURATIONS
        self.fin_at = self.reset_at = 0
        self.mss = _UNSEEN
        self.counts = NOTHING_COUNTED

    def counted(self) -> SegmentCounts:
        """Its counts, to add to."""
        if self.counts is NOTHING_COUNTED:
            self.counts = SegmentCounts()
        return self.counts

    def add_rtt(self, ns: int) -> None:
        if self.rtt is NO_DURATIONS:
            self.rtt = DurationStats()
        self.rtt.add(ns)

    @property
    def retransmitted(self) -> int:
        """Segments of every kind."""
        counts = self.counts
        return self.data_retransmitted + counts.syn_retransmitted + counts.fin_retransmitted

    @property
    def data_retransmitted(self) -> int:
        """Those of `segments` that were sent before."""
        return self.counts.fast + self.counts.timeouts + self.counts.spurious
