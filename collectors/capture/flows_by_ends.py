"""The flows of a table by their ends. The compiled core has a hash table of its own for them
(flows_by_ends.pyx), without a key of each."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter

from collectors.capture.flow_expiry import Flow
from collectors.capture.header_row import HeaderRow, Key, plain_flow_key
from collectors.capture.header_values import TCP
from collectors.capture.tcp import TcpFlow
from collectors.capture.udp import UdpFlow

_number = attrgetter("number")


class FlowsByEnds:
    """Of the connections between the same ends the latest is found, those that it replaced stay."""

    def __init__(self) -> None:
        self._tcp: dict[Key, TcpFlow] = {}
        self._udp: dict[Key, UdpFlow] = {}
        self._key: dict[int, Key] = {}  # by number
        self._replaced: dict[int, Flow] = {}  # by number: later ones have their keys

    def __len__(self) -> int:
        return len(self._key)

    def listed(self) -> list[Flow]:
        """A new list, in the order in which they were added: that of their numbers."""
        return sorted(
            [*self._tcp.values(), *self._udp.values(), *self._replaced.values()], key=_number
        )

    def find_tcp(self, row: HeaderRow) -> TcpFlow | None:
        """The latest connection that a packet may belong to."""
        return self._tcp.get(plain_flow_key(row))

    def find_udp(self, row: HeaderRow) -> UdpFlow | None:
        return self._udp.get(plain_flow_key(row))

    def find(self, row: HeaderRow) -> Flow | None:
        return self.find_tcp(row) if row.protocol == TCP else self.find_udp(row)

    def add(self, flow: Flow, row: HeaderRow) -> None:
        """A flow, and the packet that it begins with."""
        known, key = self.find(row), plain_flow_key(row)
        if known is not None:
            self._replaced[known.number] = known
        self._key[flow.number] = key
        if isinstance(flow, TcpFlow):
            self._tcp[key] = flow
        else:
            self._udp[key] = flow

    def empty(self, leaving: Callable[[Flow], object] | None) -> None:
        """All are removed, in their order; `leaving` is called with each."""
        for flow in self.listed():
            self.remove(flow)
            if leaving is not None:
                leaving(flow)

    def remove(self, flow: Flow) -> None:
        """KeyError where it is not there."""
        key = self._key.pop(flow.number)
        if self._replaced.pop(flow.number, None) is None:
            if isinstance(flow, TcpFlow):
                del self._tcp[key]
            else:
                del self._udp[key]
