"""What of a connection was seen on each interface of a node: packets by direction and kind, in
buckets of time, so that what comes into the node can be compared with what leaves it.

Only cooked v2 (LINKTYPE_LINUX_SLL2, `tcpdump -i any`) names the interface of a packet.
"""

from __future__ import annotations

from typing import Protocol

from collectors.capture.analysis_flags import (
    FAST_RETRANSMISSION,
    LOST_SEGMENT,
    RETRANS,
    SPURIOUS_RETRANSMISSION,
)
from collectors.capture.direction import OUT, interface_direction
from collectors.capture.header_row import HeaderRow
from collectors.capture.header_values import ACK, FIN, RST, SYN

BUCKET_NS = 5_000_000_000
BUCKETS = 5  # 20 to 25 s
FULL_SIZE = 1_000  # bytes of payload: a segment of bulk data
MOST_IDS = 8  # SYNs of one connection in its life: tcp_syn_retries is 6
KINDS = (SYN_KIND, SYN_ACK_KIND, ACK_KIND, SMALL, LARGE, FIN_KIND, RST_KIND, BYTES) = range(8)
AGAIN = (AGAIN_SYN, AGAIN_TIMEOUT, AGAIN_FAST, AGAIN_SPURIOUS, GAP, AGAIN_FIN) = range(6)
TO_CLIENT, LEFT = 8, 16  # bits of a code; what is above them is the interface, 0: AGAIN


def _control(flags: int) -> int:
    if flags & RST:
        return RST_KIND
    if flags & SYN:
        return SYN_ACK_KIND if flags & ACK else SYN_KIND
    return FIN_KIND if flags & FIN else ACK_KIND


_KIND_OF = [_control(flags) for flags in range(32)]  # without payload


class HopCounts:
    """Of one flow. `ids` are the IP identifications of its client's first packets, `digest` stands
    for the payload of the first one (UDP): they are the same before and after a translation."""

    __slots__ = ("bucket", "counts", "digest", "ids", "older")

    def __init__(self, bucket: int) -> None:
        self.bucket = bucket
        self.counts: dict[int, int] = {}
        self.older: list[tuple[int, dict[int, int]]] = []
        self.ids: tuple[int, ...] = ()
        self.digest = 0

    def turn(self, bucket: int) -> None:
        self.older.append((self.bucket, self.counts))
        del self.older[: -(BUCKETS - 1)]
        self.bucket, self.counts = bucket, {}

    def between(self, buckets: range | None = None) -> list[dict[int, int]]:
        """The counts of some buckets, or of all."""
        every = (*self.older, (self.bucket, self.counts))
        return [counts for bucket, counts in every if buckets is None or bucket in buckets]


class Counted(Protocol):
    """A flow whose hops are counted."""

    hops: HopCounts | None


class CountedTcp(Counted, Protocol):
    synack_at: int


def count_tcp(flow: CountedTcp, row: HeaderRow, analysis: int, *, from_client: bool) -> None:
    """One segment on one interface. Runs for every packet of a node."""
    hops = _turned(flow, row.ns)
    flags, length, counts = row.flags, row.length, hops.counts
    place = _place(row, from_client)
    if not length or flags & SYN:
        kind = _KIND_OF[flags & 31]
        if kind == SYN_KIND and row.identification not in hops.ids and len(hops.ids) < MOST_IDS:
            hops.ids += (row.identification,)
    else:
        kind = SMALL if length < FULL_SIZE else LARGE
        counts[place | BYTES] = counts.get(place | BYTES, 0) + length
    counts[place | kind] = counts.get(place | kind, 0) + 1
    if analysis & RETRANS:
        is_fin = not length and not flags & SYN  # none of the data segments
        code = (AGAIN_FIN if is_fin else _again(flow, flags, analysis)) | place & TO_CLIENT
        counts[code] = counts.get(code, 0) + 1
    elif analysis & LOST_SEGMENT and length:
        counts[place & TO_CLIENT | GAP] = counts.get(place & TO_CLIENT | GAP, 0) + 1


def _turned(flow: Counted, ns: int) -> HopCounts:
    """The flow's counts, turned to the bucket of a packet."""
    hops, bucket = flow.hops, ns // BUCKET_NS
    if hops is None:
        hops = flow.hops = HopCounts(bucket)
    elif hops.bucket != bucket:
        hops.turn(bucket)
    return hops


def _place(row: HeaderRow, from_client: bool) -> int:
    """The code of a packet without its kind."""
    left = LEFT if interface_direction(row) == OUT else 0
    return row.interface << 5 | left | (0 if from_client else TO_CLIENT)


def _again(flow: CountedTcp, flags: int, analysis: int) -> int:
    """A retransmitted SYN though its answer was seen here is spurious as well."""
    is_syn = flags & (SYN | ACK) == SYN
    if analysis & SPURIOUS_RETRANSMISSION or (is_syn and flow.synack_at):
        return AGAIN_SPURIOUS
    if analysis & FAST_RETRANSMISSION:
        return AGAIN_FAST
    return AGAIN_SYN if flags & SYN else AGAIN_TIMEOUT


def count_udp(flow: Counted, row: HeaderRow, *, from_client: bool) -> None:
    """One datagram on one interface."""
    is_first = flow.hops is None
    hops = _turned(flow, row.ns)
    if is_first:
        hops.digest = hash(row.data[row.offset + 8 : row.end])
    code = _place(row, from_client) | (SMALL if row.length < FULL_SIZE else LARGE)
    hops.counts[code] = hops.counts.get(code, 0) + 1
