"""When a flow may leave the table: closed or idle for long enough, by the capture's own clock, so
that what is kept does not depend on how packets come in batches."""

from __future__ import annotations

from heapq import heappop, heappush

from collectors.capture.dns_ports import is_dns_port
from collectors.capture.tcp import TcpFlow
from collectors.capture.udp import UdpFlow

Flow = TcpFlow | UdpFlow
SECOND = 1_000_000_000
CLOSED_NS = 150 * SECOND  # longer than the largest RTO (120 s): a FIN may be retransmitted so late
IDLE_UDP_NS = 300 * SECOND
IDLE_TCP_NS = 3 * 3600 * SECOND  # longer than the first keep-alive (7,200 s)
KEPT_NS = 30 * 24 * 3600 * SECOND  # where idle flows are kept: longer than any capture
LOOK_NS = 60 * SECOND
GRAIN_NS = 5 * SECOND


def expires_after(flow: Flow, keep_idle: bool = False) -> int:
    """For how long it may be silent, in nanoseconds. `keep_idle`: unless it is over."""
    if isinstance(flow, UdpFlow):
        return _udp_expires_after(flow, keep_idle)
    return _tcp_expires_after(flow, keep_idle)


def _udp_expires_after(flow: UdpFlow, keep_idle: bool) -> int:
    if is_dns_port(flow.server.port):
        return CLOSED_NS
    return KEPT_NS if keep_idle else IDLE_UDP_NS


def _tcp_expires_after(flow: TcpFlow, keep_idle: bool) -> int:
    if flow.reset_by is not None or (flow.client.fin_at and flow.server.fin_at):
        return CLOSED_NS
    return KEPT_NS if keep_idle else IDLE_TCP_NS


class ExpiryQueue:
    """Flows by when they are to be looked at again, in steps of GRAIN_NS. One that was silent for
    long is looked at again after as long a time: a flow costs few looks, however long it stays."""

    def __init__(self, keep_idle: bool = False) -> None:
        self.keep_idle = keep_idle
        self._due: dict[int, list[Flow]] = {}
        self._order: list[int] = []  # a heap of the keys
        self._latest = 0  # the key that was used last, and its flows
        self._of_latest: list[Flow] = []

    @property
    def next_at(self) -> int:
        """Capture time of the next look; 0: nothing waits."""
        return self._order[0] * GRAIN_NS if self._order else 0

    def add(self, flow: Flow, ns: int) -> None:
        """A flow that begins."""
        self._look_at(flow, ns + LOOK_NS)

    def _look_at(self, flow: Flow, at: int) -> None:
        step = at // GRAIN_NS + 1
        if step != self._latest:
            self._of_latest = self._flows_of(step)
            self._latest = step
        self._of_latest.append(flow)

    def _flows_of(self, step: int) -> list[Flow]:
        flows = self._due.get(step)
        if flows is None:
            flows = self._due[step] = []
            heappush(self._order, step)
        return flows

    def expired(self, ns: int) -> list[Flow]:
        """Those that leave now; the others that were due are looked at again later."""
        gone: list[Flow] = []
        while self._order and self._order[0] * GRAIN_NS <= ns:
            self._latest = 0
            for flow in self._due.pop(heappop(self._order)):
                silent, allowed = ns - flow.last_ns, expires_after(flow, self.keep_idle)
                if silent > allowed:
                    gone.append(flow)
                else:
                    self._look_at(flow, ns + min(allowed - silent, max(LOOK_NS, silent)))
        return gone

    def idlest(self, count: int) -> list[Flow]:
        """About `count` flows that were silent for longest; they are no longer waiting."""
        gone = sorted(self._waiting(), key=lambda flow: flow.last_ns)[:count]
        leaving = {id(flow) for flow in gone}
        self._latest = 0
        for step, flows in self._due.items():
            self._due[step] = [flow for flow in flows if id(flow) not in leaving]
        return gone

    def _waiting(self) -> list[Flow]:
        return [flow for flows in self._due.values() for flow in flows]
