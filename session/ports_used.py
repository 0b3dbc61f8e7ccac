"""The local ports that connections of a target's sockets have in use, by destination."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from collectors.events import CounterSample
from collectors.sockets.rows import SocketRow

SHOWN = 5  # destinations
Used = tuple[tuple[str, int], ...]  # address and port of a destination, count


class PortsUsed:
    """Counted once for the sockets that were read last: they are looked at more often."""

    def __init__(self) -> None:
        self._of: tuple[Sequence[SocketRow], range] | None = None
        self._most: Used = ()

    def most(self, sockets: Sequence[SocketRow], sample: CounterSample | None) -> Used:
        """Local ports of ip_local_port_range in use towards the destinations that have most of
        them."""
        values = sample.values if sample else {}
        ports = range(values.get("port_range_low", 0), values.get("port_range_high", 65_535) + 1)
        if self._of is None or self._of[0] is not sockets or self._of[1] != ports:
            self._of, self._most = (sockets, ports), _most(sockets, ports)
        return self._most


def _most(sockets: Sequence[SocketRow], ports: range) -> Used:
    used = Counter[str]()
    for row in _outgoing(sockets):
        if row.alike > 1 or row.local_port in ports:
            used[f"{row.peer}:{row.peer_port}"] += row.alike
    return tuple(used.most_common(SHOWN))


def _outgoing(sockets: Sequence[SocketRow]) -> Iterator[SocketRow]:
    """Connections of TCP whose own port is not that of a listener."""
    listening = {row.local_port for row in sockets if row.state == "LISTEN"}
    for row in sockets:
        if row.protocol == "tcp" and row.peer_port and row.local_port not in listening:
            yield row
