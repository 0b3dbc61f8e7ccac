"""The flow table: every TCP connection, UDP conversation and DNS look-up of a capture. Bounded: what is idle leaves,
the counts stay. Fed with packets in the order of capture; never raises on what they hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from collectors.capture.analysis_flags import COPY
from collectors.capture.direction import Direction
from collectors.capture.dissect import DNS_PORTS, LINUX_SLL, dissect
from collectors.capture.dns_transactions import DnsTracker
from collectors.capture.header_rows import HeaderRow, Reader, reader
from collectors.capture.layers import ACK, SYN, TCP, UDP
from collectors.capture.packet_summary import icmp_info
from collectors.capture.tcp import TcpFlow
from collectors.capture.udp import UdpDirection, UdpFlow
from collectors.events import Packet

MAX_FLOWS = 20_000
IDLE_NS = 300 * 1_000_000_000
SWEEP_NS = 5 * 1_000_000_000
LINGER_NS = 30 * 1_000_000_000  # a closed connection is still shown for so long
COPY_NS = (
    10_000_000  # on cooked v1, which names no interface, the same IP packet again so soon is a copy
)
End = tuple[int, bytes, int, bytes, int]  # protocol, source, port, destination, port
Flow = TcpFlow | UdpFlow


@dataclass(slots=True)
class FlowTotals:
    """Since the start, whatever has left."""

    packets: int = 0
    other: int = 0  # neither TCP nor UDP, or too broken to tell
    tcp: int = 0
    udp: int = 0
    left: int = 0


class FlowTable:
    """`leaving` is called with each flow that leaves the table."""

    def __init__(
        self,
        limit: int = MAX_FLOWS,
        idle_ns: int = IDLE_NS,
        leaving: Callable[[Flow], None] | None = None,
    ) -> None:
        self.totals = FlowTotals()
        self.lookups = DnsTracker()
        self.revision = 0
        self._limit = limit
        self._idle_ns = idle_ns
        self._leaving = leaving
        self._tcp: dict[
            End, tuple[TcpFlow, Direction, Direction]
        ] = {}  # what an end sends, and the other
        self._udp: dict[End, tuple[UdpFlow, UdpDirection]] = {}
        self._flows: dict[int, Flow] = {}
        self._number = 0
        self._readers: dict[int, Reader] = {}
        self._swept = 0

    @property
    def flows(self) -> list[Flow]:
        """Those that are in the table, in the order in which they began."""
        return list(self._flows.values())

    def __len__(self) -> int:
        return len(self._flows)

    def flow(self, number: int) -> Flow | None:
        return self._flows.get(number)

    def add(self, linktype: int, packets: Sequence[Packet]) -> list[tuple[int, int]]:
        """Take packets in; for each what it is called (analysis.ANALYSIS_FLAGS; 0: nothing) and its flow's number (0: none)."""
        read = self._readers.get(linktype)
        if read is None:
            read = self._readers[linktype] = reader(linktype)
        results: list[tuple[int, int]] = []
        tcp, udp = self._one_tcp, self._one_udp
        copies = linktype == LINUX_SLL
        for ns, data, length in packets:
            row = read(data, length)
            if row is None:
                self.totals.other += 1
                results.append((0, self._other(linktype, ns, data, length)))
            elif row[0] == TCP:
                results.append(tcp(ns, row, data, length, copies))
            else:
                results.append(udp(ns, row, data, length))
        self.totals.packets += len(packets)
        self.revision += 1
        if packets and (packets[-1].ns - self._swept > SWEEP_NS or len(self._flows) > self._limit):
            self.sweep(packets[-1].ns)
        return results

    # --- one packet

    def _one_tcp(
        self, ns: int, row: HeaderRow, data: bytes, length: int, copies: bool
    ) -> tuple[int, int]:
        known = self._tcp.get((6, row[1], row[3], row[2], row[4]))
        if known is None or (row[7] & SYN and self._reopened(known, row)):
            known = self._open_tcp(ns, row)
        flow, own, peer = known
        if copies:
            if row[11] and row[11] == own.last_ident and ns - own.last_row_at < COPY_NS:
                flow.copies += 1
                return COPY, flow.number
            own.last_row_at = ns
        analysis = flow.add(own, peer, ns, row, data, length)
        if row[9] > 2 and (row[3] == 53 or row[4] == 53) and not analysis:
            self._dns_over_tcp(ns, row, data)
        return analysis, flow.number

    @staticmethod
    def _reopened(known: tuple[TcpFlow, Direction, Direction], row: HeaderRow) -> bool:
        """Whether a SYN opens another connection between the same ends: one of another sequence does."""
        _, own, _ = known
        return not row[7] & ACK and own.start is not None and own.start != row[5]

    def _open_tcp(self, ns: int, row: HeaderRow) -> tuple[TcpFlow, Direction, Direction]:
        self._number += 1
        self.totals.tcp += 1
        flow = TcpFlow(self._number, ns, row)
        self._flows[flow.number] = flow
        forth, back = (6, row[1], row[3], row[2], row[4]), (6, row[2], row[4], row[1], row[3])
        mine, other = (flow.client, flow.server)
        if (mine.address, mine.port) != (row[1], row[3]):
            mine, other = other, mine
        self._tcp[forth], self._tcp[back] = (flow, mine, other), (flow, other, mine)
        return self._tcp[forth]

    def _one_udp(self, ns: int, row: HeaderRow, data: bytes, length: int) -> tuple[int, int]:
        key = (17, row[1], row[3], row[2], row[4])
        known = self._udp.get(key)
        if known is None:
            known = self._open_udp(ns, row, key)
        flow, own = known
        analysis = flow.add(own, ns, row, data, length)
        if (row[3] in DNS_PORTS or row[4] in DNS_PORTS) and not analysis:
            self.lookups.add(ns, row[1], row[3], row[2], row[4], data, row[10] + 8)
        return analysis, flow.number

    def _open_udp(self, ns: int, row: HeaderRow, key: End) -> tuple[UdpFlow, UdpDirection]:
        self._number += 1
        self.totals.udp += 1
        flow = UdpFlow(self._number, ns, row)
        self._flows[flow.number] = flow
        mine, other = (flow.client, flow.server)
        if (mine.address, mine.port) != (row[1], row[3]):
            mine, other = other, mine
        self._udp[key] = flow, mine
        self._udp[17, row[2], row[4], row[1], row[3]] = flow, other
        return self._udp[key]

    def _dns_over_tcp(self, ns: int, row: HeaderRow, data: bytes) -> None:
        start = row[10] + (data[row[10] + 12] >> 4) * 4 if len(data) > row[10] + 12 else len(data)
        size = int.from_bytes(data[start : start + 2], "big")
        if 12 <= size <= row[9] - 2:
            self.lookups.add(ns, row[1], row[3], row[2], row[4], data, start + 2, over_tcp=True)

    def _other(self, linktype: int, ns: int, data: bytes, length: int) -> int:
        """Neither TCP nor UDP: an ICMP error belongs to the flow that it quotes. Returns the flow's number, or 0."""
        frame = dissect(linktype, data, length)
        icmp = frame.icmp
        quoted = icmp.quoted if icmp is not None else None
        if (
            icmp is None
            or quoted is None
            or quoted.source_port is None
            or quoted.destination_port is None
        ):
            return 0
        source, destination = (
            ip_address(quoted.source).packed,
            ip_address(quoted.destination).packed,
        )
        key = (quoted.protocol, source, quoted.source_port, destination, quoted.destination_port)
        known = self._tcp.get(key) if quoted.protocol == TCP else self._udp.get(key)
        if known is None:
            return 0
        known[0].error(ns, icmp_info(icmp), frame.ip.source if frame.ip is not None else "")
        return known[0].number

    # --- leaving

    def sweep(self, ns: int) -> None:
        """Let go of what is idle, or closed for a while; of the idlest where there are too many."""
        self._swept = ns
        self.lookups.expire(ns)
        gone = [
            f
            for f in self._flows.values()
            if ns - f.last_ns > (LINGER_NS if _over(f) else self._idle_ns)
        ]
        if len(self._flows) - len(gone) > self._limit:
            idlest = sorted(self._flows.values(), key=lambda f: f.last_ns)
            gone = idlest[: len(self._flows) - self._limit * 9 // 10]
        for flow in gone:
            self._leave(flow)

    def _leave(self, flow: Flow) -> None:
        del self._flows[flow.number]
        self.totals.left += 1
        one, other = flow.client, flow.server
        for first, second in ((one, other), (other, one)):
            ends = (first.address, first.port, second.address, second.port)
            if isinstance(flow, TcpFlow):
                key = (TCP, *ends)
                if key in self._tcp and self._tcp[key][0] is flow:
                    del self._tcp[key]
            else:
                self._udp.pop((UDP, *ends), None)
        if self._leaving is not None:
            self._leaving(flow)

    def close(self) -> None:
        """All that are left leave."""
        for flow in self.flows:
            self._leave(flow)
        self.lookups.expire(1 << 62)


def _over(flow: Flow) -> bool:
    if isinstance(flow, UdpFlow):
        return flow.server.port in DNS_PORTS
    return flow.reset_by is not None or bool(flow.client.fin_at and flow.server.fin_at)
