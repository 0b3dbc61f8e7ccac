"""The flow table: every TCP connection, UDP conversation and DNS lookup of a capture.

Bounded: what is closed or idle leaves, the counts stay. Fed with packets in the order of capture;
never raises on what they hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from collectors.capture.analysis_flags import COPY
from collectors.capture.cooked_copies import CookedCopies
from collectors.capture.direction import Direction
from collectors.capture.dns_ports import is_dns_port
from collectors.capture.flow_expiry import Flow as Flow
from collectors.capture.header_row import HeaderRow
from collectors.capture.header_rows import read_headers
from collectors.capture.header_values import ACK, LINUX_SLL, SYN, TCP
from collectors.capture.hop_counts import count_tcp, count_udp
from collectors.capture.kept_flows import KeptFlows, Leaving
from collectors.capture.records import Raw, Records, next_record
from collectors.capture.tcp import TcpFlow
from collectors.packet import Packet

if TYPE_CHECKING:
    from collectors.capture.dns_transactions import DnsTracker
    from collectors.capture.unusual_packets import IcmpError

MAX_FLOWS = 20_000
CHECK_NS = 5_000_000_000  # flows and DNS questions expire at most so late
SET_BACK_NS = 60_000_000_000  # packets that are so much earlier come from a clock that was set back


class FlowTable(KeptFlows):
    """`leaving` is called with each flow that leaves the table. A full table evicts those that were
    silent for longest or, with `evict` false, admits no more: no flow is counted twice. With
    `keep_idle` silent flows stay as long as there is room, with `hops` what each interface of a
    capture of all of them saw is counted, without `dns` lookups are not followed."""

    def __init__(
        self,
        limit: int = MAX_FLOWS,
        *,
        leaving: Leaving | None = None,
        evict: bool = True,
        keep_idle: bool = False,
        hops: bool = False,
        dns: bool = True,
    ) -> None:
        super().__init__(limit, leaving, evict=evict, keep_idle=keep_idle)
        self._lookups: DnsTracker | None = None
        self.revision = 0
        self.first_ns = self.latest_ns = 0  # of packets
        self._hops, self._dns = hops, dns
        self._next_check = 0
        self._copies = CookedCopies()
        self._row = HeaderRow(0, b"", b"")  # of the packet that is looked at
        self._of = 0  # the number of its flow

    @property
    def lookups(self) -> DnsTracker:
        if self._lookups is None:
            from collectors.capture.dns_transactions import DnsTracker

            self._lookups = DnsTracker()
        return self._lookups

    def add(self, linktype: int, packets: Sequence[Packet]) -> list[tuple[int, int]]:
        """For each packet its analysis flags (0: none) and the number of its flow (0: none)."""
        results: list[tuple[int, int]] = []
        row = self._row
        for packet in packets:
            ns, data, wire = packet
            row.hold(ns, data, wire)
            analysis = self._one(linktype, row)
            results.append((analysis, self._of))
        if packets:
            self._end_batch(len(packets), packets[0][0], packets[-1][0])
        self.revision += 1
        return results

    def follow(self, linktype: int, found: Raw) -> None:
        """As `add`, where nobody asks what each packet is called."""
        if not isinstance(found, Records):
            self.add(linktype, found)
            return
        row, layout, position, first_ns = self._row, found.layout, found.start, 0
        row.data = found.data
        for number in range(found.count):
            position = next_record(row, position, layout)
            if not number:
                first_ns = row.ns
            self._one(linktype, row)
        if found.count:
            self._end_batch(found.count, first_ns, row.ns)
        self.revision += 1

    def _end_batch(self, count: int, first_ns: int, last_ns: int) -> None:
        self.totals.packets += count
        self.first_ns = self.first_ns or first_ns
        self.latest_ns = max(self.latest_ns, last_ns)
        if last_ns + SET_BACK_NS < self._next_check:
            self._next_check = last_ns + CHECK_NS

    # --- one packet

    def _one(self, linktype: int, row: HeaderRow) -> int:
        """The analysis flags of the packet that the row holds; `_of` is the number of its flow."""
        self._of = 0
        if row.ns >= self._next_check:
            self._expire(row.ns)
        if not read_headers(row, linktype):
            other = self._unusual(linktype, row)
            if other is None:
                return 0
            row = other
        if linktype == LINUX_SLL and self._copies.seen_before(row):
            self._of = self._copied(row)
            return COPY
        return self._one_tcp(row) if row.protocol == TCP else self._one_udp(row)

    def _unusual(self, linktype: int, row: HeaderRow) -> HeaderRow | None:
        """The row of a packet that is not plain; None where it is neither TCP nor UDP: an ICMP
        error belongs to the flow that it quotes."""
        from collectors.capture.unusual_packets import unusual  # with the dissector: few need it

        found = unusual(linktype, row.packet(), row.wire)
        if isinstance(found, HeaderRow):
            found.ns = row.ns
            return found
        self.totals.other += 1
        self._of = 0 if found is None else self._icmp_error(found, row.ns)
        return None

    def _one_tcp(self, row: HeaderRow) -> int:
        flow = self._kept.find_tcp(row)
        if flow is None or (row.flags & SYN and _reopened(flow, row)):
            flow = self._open_tcp(row)
            if flow is None:
                return 0
        own, peer = flow.client, flow.server
        if own.port != row.source_port or own.address != row.source:
            own, peer = peer, own
        analysis = flow.add(own, peer, row)
        if self._hops and row.interface:
            count_tcp(flow, row, analysis, from_client=own is flow.client)
        if row.length and self._dns and analysis != COPY and _is_dns(row):
            self._dns_over_tcp(own, row)
        self._of = flow.number
        return analysis

    def _one_udp(self, row: HeaderRow) -> int:
        flow = self._kept.find_udp(row)
        if flow is None:
            flow = self._open_udp(row)
            if flow is None:
                return 0
        own = flow.client
        if own.port != row.source_port or own.address != row.source:
            own = flow.server
        analysis = flow.add(own, row)
        if self._hops and row.interface:
            count_udp(flow, row, from_client=own is flow.client)
        if not analysis and self._dns and _is_dns(row):
            self._look_up(row, row.data, row.offset + 8, row.end)
        self._of = flow.number
        return analysis

    def _copied(self, row: HeaderRow) -> int:
        """A copy on cooked v1; the number of its flow, or 0."""
        flow = self._kept.find(row)
        if flow is None:
            return 0
        flow.copies += 1
        return flow.number

    def _dns_over_tcp(self, own: Direction, row: HeaderRow) -> None:
        if self._dns_streams is None:
            from collectors.capture.dns_over_tcp import DnsStreams

            self._dns_streams = DnsStreams()
        for message in self._dns_streams.messages(own, row):
            self._look_up(row, message, 0, len(message))

    def _look_up(self, row: HeaderRow, data: bytes, start: int, end: int) -> None:
        """The DNS message that `data` has there."""
        tracker = self._lookups or self.lookups
        tracker.add(row, data, start, end, row.protocol == TCP)

    def _icmp_error(self, found: IcmpError, ns: int) -> int:
        """The number of the flow that it quotes, or 0."""
        flow = self._kept.find(found.quoted)
        if flow is None:
            return 0
        if found.is_unreachable:
            of_client = (found.quoted.source, found.quoted.source_port) == (
                flow.client.address,
                flow.client.port,
            )
            flow.error(ns, found.note, found.sender, of_client)
        return flow.number

    # --- flows that leave

    def _expire(self, ns: int) -> None:
        """Let go of what has expired."""
        if self._lookups is not None:
            self._lookups.expire(ns)
        self._let_go(ns)
        self._next_check = min(self._expiry.next_at or ns + CHECK_NS, ns + CHECK_NS)

    def close(self) -> None:
        """All that are left leave."""
        self._all_leave()
        if self._lookups is not None:
            self._lookups.expire(1 << 62)


def _reopened(flow: TcpFlow, row: HeaderRow) -> bool:
    """Whether a SYN opens another connection between the same ends: one of another sequence number
    does, and one that follows a reset."""
    own = flow.client
    if own.port != row.source_port or own.address != row.source:
        own = flow.server
    if row.flags & ACK or own.start < 0:
        return False
    return own.start != row.sequence or flow.reset_by is not None


def _is_dns(row: HeaderRow) -> bool:
    return is_dns_port(row.source_port) or is_dns_port(row.destination_port)
