"""The flows that a table has room for: how one enters, and when and why it leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from collectors.capture.flow_expiry import ExpiryQueue, Flow
from collectors.capture.flow_totals import FlowTotals
from collectors.capture.flows_by_ends import FlowsByEnds
from collectors.capture.flows_gone import GoneFlows
from collectors.capture.header_row import HeaderRow
from collectors.capture.tcp import TcpFlow
from collectors.capture.udp import UdpFlow

if TYPE_CHECKING:
    from collectors.capture.dns_over_tcp import DnsStreams

EVICTED_AT_ONCE = 10  # a tenth of the flows
Leaving = Callable[[Flow], None]


class KeptFlows:
    """At most `limit`; flows.FlowTable says what the others mean."""

    def __init__(
        self, limit: int, leaving: Leaving | None, *, evict: bool, keep_idle: bool
    ) -> None:
        self.totals = FlowTotals()
        self.evicted_ns = 0  # the latest packet of a flow that left for want of room
        self._limit = limit
        self._evict = evict
        self._leaving = leaving
        self._kept = FlowsByEnds()
        self._number = 0
        self._expiry = ExpiryQueue(keep_idle)
        self._gone = GoneFlows()
        self._dns_streams: DnsStreams | None = None

    @property
    def flows(self) -> list[Flow]:
        """Those that are in the table, in the order in which they began."""
        return self._kept.listed()

    def __len__(self) -> int:
        return len(self._kept)

    def flow(self, number: int) -> Flow | None:
        return next((flow for flow in self.flows if flow.number == number), None)

    def _open_tcp(self, row: HeaderRow) -> TcpFlow | None:
        if not self._room():
            return None
        self.totals.tcp += self._is_first(row)
        flow = TcpFlow.__new__(TcpFlow)
        flow.begin(self._number, row)
        self._kept.add(flow, row)
        self._expiry.add(flow, row.ns)
        return flow

    def _open_udp(self, row: HeaderRow) -> UdpFlow | None:
        if not self._room():
            return None
        self.totals.udp += self._is_first(row)
        flow = UdpFlow.__new__(UdpFlow)
        flow.begin(self._number, row)
        self._kept.add(flow, row)
        self._expiry.add(flow, row.ns)
        return flow

    def _is_first(self, row: HeaderRow) -> bool:
        """Whether it is no flow that had left and goes on."""
        is_back = self._gone.is_back(row)
        self.totals.left -= is_back
        return not is_back

    def _room(self) -> bool:
        """Whether one more flow may come; makes room where that is allowed."""
        if len(self._kept) >= self._limit:
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

    # --- flows that leave

    def _let_go(self, ns: int) -> None:
        for flow in self._expiry.expired(ns):
            self._leave(flow)
            self._gone.add_expired(flow)

    def _leave(self, flow: Flow) -> None:
        self.totals.left += 1
        self._kept.remove(flow)
        if self._dns_streams is not None and isinstance(flow, TcpFlow):
            self._dns_streams.forget(flow.client)
            self._dns_streams.forget(flow.server)
        if self._leaving is not None:
            self._leaving(flow)

    def _all_leave(self) -> None:
        self.totals.left += len(self._kept)
        self._expiry, self._dns_streams = ExpiryQueue(), None
        self._kept.empty(self._leaving)
