"""Ports in use by destination, counted once for the sockets that were read last."""

from __future__ import annotations

from collectors.events import CounterSample
from collectors.sockets.rows import SocketRow
from session.ports_used import PortsUsed


def socket(port: int, peer: str = "10.0.0.9", **others: object) -> SocketRow:
    return SocketRow("tcp", "ESTAB", "10.0.0.1", port, peer, 80, **others)  # type: ignore[arg-type]


def sample(low: int, high: int) -> CounterSample:
    values = {"port_range_low": low, "port_range_high": high}
    return CounterSample(1.0, "pod/shop/web", 1.0, "net:[1]", values)


def test_they_are_counted_again_where_the_sockets_or_the_range_differ() -> None:
    ports, rows = PortsUsed(), (socket(40_000), socket(40_001), socket(99), socket(1, alike=7))
    assert ports.most(rows, None) == (("10.0.0.9:80", 10),)
    assert ports.most(rows, sample(40_000, 40_001)) == (("10.0.0.9:80", 9),)
    assert ports.most(rows, sample(40_000, 40_000)) == (("10.0.0.9:80", 8),)
    assert ports.most(rows[:1], sample(40_000, 40_000)) == (("10.0.0.9:80", 1),)
    assert ports.most((), sample(40_000, 40_000)) == ()


def test_connections_to_a_listener_use_none() -> None:
    listener = SocketRow("tcp", "LISTEN", "0.0.0.0", 40_000, "", 0)
    rows = (listener, socket(40_000), socket(40_001, "10.0.0.8"))
    assert PortsUsed().most(rows, None) == (("10.0.0.8:80", 1),)
