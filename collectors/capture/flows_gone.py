"""Flows that left a full table, or were silent for long, and may go on: one that does is the same
flow, and is counted once."""

from __future__ import annotations

from itertools import islice

from collectors.capture.flow_expiry import CLOSED_NS, IDLE_UDP_NS, Flow, expires_after
from collectors.capture.header_row import HeaderRow, Key, key_of_ends
from collectors.capture.header_rows import flow_key
from collectors.capture.header_values import ACK, SYN, TCP
from collectors.capture.tcp import TcpFlow

MAX_GONE = 250_000  # about 100 bytes each
FORGOTTEN_AT_ONCE = 10  # a tenth of them


class GoneFlows:
    """By a hash of their key; `forgotten` counts those for which there was no room."""

    def __init__(self, limit: int = MAX_GONE) -> None:
        self.forgotten = 0
        self._limit = limit
        self._known: dict[int, int] = {}  # the SYN's sequence; of UDP the last packet's ns

    def add(self, flow: Flow) -> None:
        if len(self._known) >= self._limit:
            self._forget()
        seen = flow.client.start if isinstance(flow, TcpFlow) else flow.last_ns
        self._known[hash(_key(flow))] = seen

    def add_expired(self, flow: Flow) -> None:
        """A connection that was not closed: 3 h without a keep-alive do not end it. UDP that goes
        on after its 300 s is another conversation."""
        if isinstance(flow, TcpFlow) and expires_after(flow) != CLOSED_NS:
            self.add(flow)

    def is_back(self, row: HeaderRow) -> bool:
        """Whether a packet that opens a flow belongs to one of these, which is no longer one."""
        seen = self._known.pop(hash(flow_key(row)), None) if self._known else None
        if seen is None:
            return False
        if row.protocol != TCP:
            return row.ns - seen <= IDLE_UDP_NS
        return row.flags & (SYN | ACK) != SYN or row.sequence == seen

    def _forget(self) -> None:
        oldest = list(islice(self._known, max(1, self._limit // FORGOTTEN_AT_ONCE)))
        self.forgotten += len(oldest)
        for key in oldest:
            del self._known[key]


def _key(flow: Flow) -> Key:
    client, server = flow.client, flow.server
    ends = (client.address, client.port), (server.address, server.port)
    return key_of_ends(*ends, flow.network)
