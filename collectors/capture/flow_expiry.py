"""When a flow may leave the table: closed or idle for long enough. Each flow is looked at once per
interval, however many there are, and by the capture's own clock, so that what is kept does not
depend on how packets come in batches."""

from __future__ import annotations

from collections import deque

from collectors.capture.tcp import TcpFlow
from collectors.capture.transports import DNS_PORTS
from collectors.capture.udp import UdpFlow

Flow = TcpFlow | UdpFlow
SECOND = 1_000_000_000
CLOSED_NS = 150 * SECOND  # longer than the largest RTO (120 s): a FIN may be retransmitted so late
IDLE_UDP_NS = 300 * SECOND
IDLE_TCP_NS = 3 * 3600 * SECOND  # longer than the first keep-alive (7,200 s)
KEPT_NS = 30 * 24 * 3600 * SECOND  # where idle flows are kept: longer than any capture
CHECK_NS = 30 * SECOND


def expires_after(flow: Flow, keep_idle: bool = False) -> int:
    """For how long it may be silent, in nanoseconds. `keep_idle`: unless it is over."""
    if isinstance(flow, UdpFlow):
        if flow.server.port in DNS_PORTS:
            return CLOSED_NS
        return KEPT_NS if keep_idle else IDLE_UDP_NS
    closed = flow.client.fin_at and flow.server.fin_at
    if flow.reset_by is not None or closed:
        return CLOSED_NS
    return KEPT_NS if keep_idle else IDLE_TCP_NS


class ExpiryQueue:
    """Flows in the order in which they are to be looked at again."""

    def __init__(self, keep_idle: bool = False) -> None:
        self.keep_idle = keep_idle
        self._queue: deque[tuple[int, Flow]] = deque()
        self.next_at = 0  # capture time of the next look; 0: nothing waits

    def add(self, flow: Flow, ns: int) -> None:
        self._queue.append((ns + CHECK_NS, flow))
        self.next_at = self._queue[0][0]

    def expired(self, ns: int) -> list[Flow]:
        """Those that leave now; the others that were due are looked at again later."""
        gone = []
        while self._queue and self._queue[0][0] <= ns:
            _, flow = self._queue.popleft()
            if ns - flow.last_ns > expires_after(flow, self.keep_idle):
                gone.append(flow)
            else:
                self._queue.append((ns + CHECK_NS, flow))
        self.next_at = self._queue[0][0] if self._queue else 0
        return gone

    def restart(self, ns: int) -> None:
        """The capture's clock was set back: all are looked at again from now on."""
        self._queue = deque((ns + CHECK_NS, flow) for _, flow in self._queue)
        self.next_at = ns + CHECK_NS

    def idlest(self, count: int) -> list[Flow]:
        """About `count` flows that were silent for longest; they are no longer waiting."""
        by_age = sorted(self._queue, key=lambda entry: entry[1].last_ns)
        gone = {id(flow) for _, flow in by_age[:count]}
        self._queue = deque(entry for entry in self._queue if id(entry[1]) not in gone)
        self.next_at = self._queue[0][0] if self._queue else 0
        return [flow for _, flow in by_age[:count]]
