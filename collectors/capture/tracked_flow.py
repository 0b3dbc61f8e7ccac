"""What a TCP connection and a UDP conversation have in common. Times are nanoseconds."""

from __future__ import annotations

from collectors.capture.direction import NO_DURATIONS, DurationStats
from collectors.capture.header_row import HeaderRow, Key
from collectors.capture.hop_counts import HopCounts


class TrackedFlow:
    """`number` and `key` are the table's, `waits` from what the client sent to what it got."""

    __slots__ = (
        "asked_at",
        "copies",
        "first_ns",
        "hops",
        "icmp",
        "icmp_from",
        "icmp_note",
        "key",
        "last_ns",
        "network",
        "number",
        "waits",
    )

    def __init__(self, number: int, key: Key, row: HeaderRow) -> None:
        self.number, self.key, self.network = number, key, row.network
        self.first_ns = self.last_ns = row.ns
        self.asked_at = 0
        self.waits: DurationStats = NO_DURATIONS
        self.copies = 0
        self.hops: HopCounts | None = None  # where they are counted
        self.icmp = 0
        self.icmp_from = self.icmp_note = ""

    def answered(self, ns: int) -> None:
        """The server sent something: the client waited so long."""
        if self.asked_at:
            if self.waits is NO_DURATIONS:
                self.waits = DurationStats()
            self.waits.add(ns - self.asked_at)
            self.asked_at = 0
