"""What a TCP connection and a UDP conversation have in common. Times are nanoseconds."""

from __future__ import annotations

from collectors.capture.direction import NO_DURATIONS, DurationStats
from collectors.capture.header_row import HeaderRow
from collectors.capture.hop_counts import HopCounts

RECENT_NS = 15 * 1_000_000_000


class TrackedFlow:
    """`number` is the table's, `waits` from what the client sent to what it got.
    `recent_wait` is the longest of `RECENT_NS` before `recent_wait_at`, when that answer came."""

    __slots__ = (
        "asked_at",
        "copies",
        "first_ns",
        "hops",
        "icmp",
        "icmp_from",
        "icmp_note",
        "last_ns",
        "network",
        "number",
        "recent_wait",
        "recent_wait_at",
        "waits",
    )

    def enter(self, number: int, row: HeaderRow) -> None:
        """What a new one is; where it is compiled, a call that costs little."""
        self.number, self.network = number, row.network
        self.first_ns = self.last_ns = row.ns
        self.asked_at = 0
        self.waits: DurationStats = NO_DURATIONS
        self.recent_wait = self.recent_wait_at = 0
        self.copies = 0
        self.hops: HopCounts | None = None  # where they are counted
        self.icmp = 0
        self.icmp_from = self.icmp_note = ""

    def answered(self, ns: int) -> None:
        """The server sent something: the client waited so long."""
        if self.asked_at:
            if self.waits is NO_DURATIONS:
                self.waits = DurationStats()
            wait = ns - self.asked_at
            self.waits.add(wait)
            if wait >= self.recent_wait or ns - self.recent_wait_at > RECENT_NS:
                self.recent_wait, self.recent_wait_at = wait, ns
            self.asked_at = 0
