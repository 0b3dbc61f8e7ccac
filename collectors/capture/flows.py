"""The flow table: every TCP connection, UDP conversation and DNS lookup of a capture.

Bounded: what is closed or idle leaves, the counts stay. Fed with packets in the order of capture;
never raises on what they hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from ipaddress import ip_address

from collectors.capture.analysis_flags import COPY
from collectors.capture.cooked_copies import CookedCopies
from collectors.capture.direction import Direction
from collectors.capture.dissect import dissect
from collectors.capture.dns_over_tcp import DnsStream
from collectors.capture.dns_ports import is_dns_port
from collectors.capture.dns_transactions import DnsEnds, DnsTracker
from collectors.capture.flow_expiry import ExpiryQueue, Flow as Flow
from collectors.capture.flow_totals import FlowTotals as FlowTotals
from collectors.capture.flows_gone import GoneFlows
from collectors.capture.header_row import HeaderRow, Key
from collectors.capture.header_rows import flow_key, other_headers, read_headers
from collectors.capture.hop_counts import count_tcp, count_udp
from collectors.capture.layers import ACK, MASK, SYN, TCP, Icmp, Quoted
from collectors.capture.links import LINUX_SLL
from collectors.capture.packet_summary import icmp_info
from collectors.capture.records import Raw, Records, next_record
from collectors.capture.tcp import TcpFlow
from collectors.capture.udp import UdpFlow
from collectors.packet import Packet

MAX_FLOWS = 20_000
EVICTED_AT_ONCE = 10  # a tenth of the flows
MAX_DNS_STREAMS = 1_000
CHECK_NS = 5_000_000_000  # flows and DNS questions expire at most so late
SET_BACK_NS = 60_000_000_000  # packets that are so much earlier come from a clock that was set back
Leaving = Callable[[Flow], None]
ICMP_UNREACHABLE, ICMP_TIME_EXCEEDED, FRAGMENTATION_NEEDED = 3, 11, 4
ICMP6_UNREACHABLE, ICMP6_TIME_EXCEEDED = 1, 3


class FlowTable:
    """`leaving` is called with each flow that leaves the table. A full table evicts those that were
    silent for longest or, with `evict` false, admits no more: no flow is counted twice. With
    `keep_idle` silent flows stay as long as there is room, with `hops` what each interface of a
    capture of all of them saw is counted."""

    def __init__(
        self,
        limit: int = MAX_FLOWS,
        *,
        leaving: Leaving | None = None,
        evict: bool = True,
        keep_idle: bool = False,
        hops: bool = False,
    ) -> None:
        self.totals = FlowTotals()
        self.lookups = DnsTracker()
        self.revision = 0
        self.first_ns = self.latest_ns = 0  # of packets
        self.evicted_ns = 0  # the latest packet of a flow that left for want of room
        self._limit = limit
        self._evict = evict
        self._hops = hops
        self._leaving = leaving
        self._tcp: dict[Key, TcpFlow] = {}
        self._udp: dict[Key, UdpFlow] = {}
        self._flows: dict[int, Flow] = {}
        self._number = 0
        self._expiry = ExpiryQueue(keep_idle)
        self._gone = GoneFlows()
        self._next_check = 0
        self._dns_streams: dict[Direction, DnsStream] = {}
        self._copies = CookedCopies()
        self._row = HeaderRow(0, b"", b"")  # of the packet that is looked at
        self._of = 0  # the number of its flow

    @property
    def flows(self) -> list[Flow]:
        """Those that are in the table, in the order in which they began."""
        return list(self._flows.values())

    def __len__(self) -> int:
        return len(self._flows)

    def flow(self, number: int) -> Flow | None:
        return self._flows.get(number)

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
            packet = Packet(row.ns, row.packet(), row.wire)
            other = other_headers(linktype, packet.data, packet.length)
            if other is None:
                self.totals.other += 1
                self._of = self._other(linktype, packet)
                return 0
            other.ns, row = row.ns, other
        if linktype == LINUX_SLL and self._copies.seen_before(row):
            self._of = self._copied(row)
            return COPY
        return self._one_tcp(row) if row.protocol == TCP else self._one_udp(row)

    def _one_tcp(self, row: HeaderRow) -> int:
        key = flow_key(row)
        flow = self._tcp.get(key)
        if flow is None or (row.flags & SYN and _reopened(flow, row)):
            flow = self._open_tcp(row, key)
            if flow is None:
                return 0
        own, peer = flow.client, flow.server
        if own.port != row.source_port or own.address != row.source:
            own, peer = peer, own
        analysis = flow.add(own, peer, row)
        if self._hops and row.interface:
            count_tcp(flow, row, analysis, from_client=own is flow.client)
        if row.length and analysis != COPY and _is_dns(row):
            self._dns_over_tcp(own, row)
        self._of = flow.number
        return analysis

    def _one_udp(self, row: HeaderRow) -> int:
        key = flow_key(row)
        flow = self._udp.get(key)
        if flow is None:
            flow = self._open_udp(row, key)
            if flow is None:
                return 0
        own = flow.client
        if own.port != row.source_port or own.address != row.source:
            own = flow.server
        analysis = flow.add(own, row)
        if self._hops and row.interface:
            count_udp(flow, row, from_client=own is flow.client)
        if not analysis and _is_dns(row):
            self.lookups.add(_ends(row), row.ns, row.data[row.offset + 8 : row.end])
        self._of = flow.number
        return analysis

    def _copied(self, row: HeaderRow) -> int:
        """A copy on cooked v1; the number of its flow, or 0."""
        flow = self._known(row.protocol, flow_key(row))
        if flow is None:
            return 0
        flow.copies += 1
        return flow.number

    def _known(self, protocol: int, key: Key) -> Flow | None:
        return self._tcp.get(key) if protocol == TCP else self._udp.get(key)

    def _dns_over_tcp(self, own: Direction, row: HeaderRow) -> None:
        stream = self._dns_streams.get(own)
        if stream is None:
            if len(self._dns_streams) >= MAX_DNS_STREAMS:
                self._dns_streams.pop(next(iter(self._dns_streams)))
            start = None if own.start < 0 else own.start + 1 & MASK
            stream = self._dns_streams[own] = DnsStream(start)
        for message in stream.add(row):
            self.lookups.add(_ends(row), row.ns, message, over_tcp=True)

    def _other(self, linktype: int, packet: Packet) -> int:
        """Neither TCP nor UDP: an ICMP error belongs to the flow that it quotes. The flow's number,
        or 0."""
        frame = dissect(linktype, packet.data, packet.length)
        icmp = frame.icmp
        if icmp is None or icmp.quoted is None:
            return 0
        key = _quoted_key(icmp.quoted, frame.network)
        flow = None if key is None else self._known(icmp.quoted.protocol, key)
        if flow is None:
            return 0
        if means_unreachable(icmp):
            sender = frame.ip.source if frame.ip is not None else ""
            quoted = packed(icmp.quoted.source), icmp.quoted.source_port
            of_client = quoted == (flow.client.address, flow.client.port)
            flow.error(packet.ns, icmp_info(icmp), sender, of_client)
        return flow.number

    # --- flows that begin

    def _open_tcp(self, row: HeaderRow, key: Key) -> TcpFlow | None:
        if not self._room():
            return None
        self.totals.tcp += self._is_first(key, row)
        flow = TcpFlow.__new__(TcpFlow)
        flow.begin(self._number, key, row)
        self._tcp[key] = flow
        self._enter(flow, row.ns)
        return flow

    def _open_udp(self, row: HeaderRow, key: Key) -> UdpFlow | None:
        if not self._room():
            return None
        self.totals.udp += self._is_first(key, row)
        flow = UdpFlow.__new__(UdpFlow)
        flow.begin(self._number, key, row)
        self._udp[key] = flow
        self._enter(flow, row.ns)
        return flow

    def _is_first(self, key: Key, row: HeaderRow) -> bool:
        """Whether it is no flow that had left and goes on."""
        is_back = self._gone.is_back(key, row)
        self.totals.left -= is_back
        return not is_back

    def _room(self) -> bool:
        """Whether one more flow may come; makes room where that is allowed."""
        if len(self._flows) >= self._limit:
            self._expiry.keep_idle = False
            if not self._evict:
                self.totals.refused += 1
                return False
            count = max(1, self._limit // EVICTED_AT_ONCE)
            for flow in self._expiry.idlest(count):
                self._leave(flow)
                self._gone.add(flow)
                self.evicted_ns = max(self.evicted_ns, flow.last_ns)
            self.totals.forgotten = self._gone.forgotten
        self._number += 1
        return True

    def _enter(self, flow: Flow, ns: int) -> None:
        self._flows[flow.number] = flow
        self._expiry.add(flow, ns)

    # --- flows that leave

    def _expire(self, ns: int) -> None:
        """Let go of what has expired."""
        self.lookups.expire(ns)
        for flow in self._expiry.expired(ns):
            self._leave(flow)
            self._gone.add_expired(flow)
        self._next_check = min(self._expiry.next_at or ns + CHECK_NS, ns + CHECK_NS)

    def _leave(self, flow: Flow) -> None:
        del self._flows[flow.number]
        self.totals.left += 1
        table: dict[Key, TcpFlow] | dict[Key, UdpFlow]
        table = self._tcp if isinstance(flow, TcpFlow) else self._udp
        if table.get(flow.key) is flow:  # a later connection between the same ends may be there
            del table[flow.key]
        if self._dns_streams and isinstance(flow, TcpFlow):
            self._dns_streams.pop(flow.client, None)
            self._dns_streams.pop(flow.server, None)
        if self._leaving is not None:
            self._leaving(flow)

    def close(self) -> None:
        """All that are left leave."""
        flows = self.flows
        self._flows, self._tcp, self._udp, self._dns_streams = {}, {}, {}, {}
        self.totals.left += len(flows)
        if self._leaving is not None:
            for flow in flows:
                self._leaving(flow)
        self._expiry = ExpiryQueue()
        self.lookups.expire(1 << 62)


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


def _ends(row: HeaderRow) -> DnsEnds:
    return row.source, row.source_port, row.destination, row.destination_port


@lru_cache(10_000)
def packed(address: str) -> bytes:
    return ip_address(address).packed


def _quoted_key(quoted: Quoted, network: int) -> Key | None:
    """The flow of a packet that an ICMP error quotes; None where its ports are not in it."""
    if quoted.source_port is None or quoted.destination_port is None:
        return None
    source, destination = packed(quoted.source), packed(quoted.destination)
    row = HeaderRow(quoted.protocol, source, destination)
    row.source_port, row.destination_port = quoted.source_port, quoted.destination_port
    row.network = network
    return flow_key(row)


def means_unreachable(icmp: Icmp) -> bool:
    """Whether the packet did not arrive for good: 'fragmentation needed' is path MTU discovery
    (RFC 1191), a redirect (RFC 792) delivers it."""
    if icmp.version == 6:
        return icmp.type in (ICMP6_UNREACHABLE, ICMP6_TIME_EXCEEDED)
    if icmp.type == ICMP_UNREACHABLE:
        return icmp.code != FRAGMENTATION_NEEDED
    return icmp.type == ICMP_TIME_EXCEEDED
