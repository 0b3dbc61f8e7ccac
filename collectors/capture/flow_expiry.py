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
    """Flows in the order in which they are to be looked at again, those of one second together."""

    def __init__(self, keep_idle: bool = False) -> None:
        self.keep_idle = keep_idle
        self._queue: deque[tuple[int, list[Flow]]] = deque()
        self.next_at = 0  # capture time of the next look; 0: nothing waits

    def add(self, flow: Flow, ns: int) -> None:
        due = ns + CHECK_NS
        queue = self._queue
        if queue and 0 <= due - queue[-1][0] < SECOND:
            queue[-1][1].append(flow)
            return
        queue.append((due, [flow]))
        self.next_at = queue[0][0]

    def expired(self, ns: int) -> list[Flow]:
        """Those that leave now; the others that were due are looked at again later."""
        gone: list[Flow] = []
        staying: list[Flow] = []
        while self._queue and self._queue[0][0] <= ns:
            for flow in self._queue.popleft()[1]:
                over = ns - flow.last_ns > expires_after(flow, self.keep_idle)
                (gone if over else staying).append(flow)
        if staying:
            self._queue.append((ns + CHECK_NS, staying))
        self.next_at = self._queue[0][0] if self._queue else 0
        return gone

    def restart(self, ns: int) -> None:
        """The capture's clock was set back: all are looked at again from now on."""
        flows = [flow for _, due in self._queue for flow in due]
        self._queue = deque([(ns + CHECK_NS, flows)] if flows else [])
        self.next_at = ns + CHECK_NS if flows else 0

    def idlest(self, count: int) -> list[Flow]:
        """About `count` flows that were silent for longest; they are no longer waiting."""
        flows = [flow for _, due in self._queue for flow in due]
        gone = sorted(flows, key=lambda flow: flow.last_ns)[:count]
        left = {id(flow) for flow in gone}
        buckets = ((at, [f for f in due if id(f) not in left]) for at, due in self._queue)
        self._queue = deque((at, due) for at, due in buckets if due)
        self.next_at = self._queue[0][0] if self._queue else 0
        return gone
