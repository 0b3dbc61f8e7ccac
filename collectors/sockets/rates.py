"""Rates of sockets from two successive snapshots. A new socket, or another one on the same
addresses, has none."""

from __future__ import annotations

from typing import NamedTuple

from collectors.events import SocketSnapshot
from collectors.sockets.rows import SocketRow

SocketKey = tuple[str, str, int, str, int]
LATE_S = 120.0  # snapshots farther apart are strangers


class SocketRate(NamedTuple):
    """Per second since the snapshot before: bits acknowledged and received, segments
    retransmitted."""

    sent: float | None
    received: float | None
    retransmitted: float


def identity(row: SocketRow) -> SocketKey:
    return (row.protocol, row.local, row.local_port, row.peer, row.peer_port)


def rates(before: SocketSnapshot, after: SocketSnapshot) -> dict[SocketKey, SocketRate]:
    seconds = after.at - before.at
    if not 0 < seconds <= LATE_S:
        return {}
    known = {identity(row): row for row in before.rows if row.rtt is not None}
    found = {}
    for row in after.rows:
        key = identity(row)
        old = known.get(key) if row.rtt is not None else None
        if old is None or row.alike > 1 or old.alike > 1:
            continue  # sums over sockets that come and go say nothing
        rate = _rate(old, row, seconds)
        if rate is not None:
            found[key] = rate
    return found


def _rate(old: SocketRow, row: SocketRow, seconds: float) -> SocketRate | None:
    """None where a count fell: a new connection on the same ports."""
    retransmitted = row.retrans_total - old.retrans_total
    sent = _change(old.bytes_acked, row.bytes_acked)
    received = _change(old.bytes_received, row.bytes_received)
    if retransmitted < 0 or (sent or 0) < 0 or (received or 0) < 0:
        return None
    return SocketRate(_bits(sent, seconds), _bits(received, seconds), retransmitted / seconds)


def _change(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else after - before


def _bits(octets: int | None, seconds: float) -> float | None:
    return None if octets is None else 8 * octets / seconds
