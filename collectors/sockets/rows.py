"""A socket as podwire shows it, whatever it was read from."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

RECEIVER_SLOW = 50  # per cent of busy time


class SocketRow(NamedTuple):
    """One socket; a named tuple, since a node has tens of thousands. Times are milliseconds, rates
    bits/s, counts segments or bytes as in the kernel's tcp_info; None is unknown. For LISTEN,
    recv_q is the accept queue and send_q its limit."""

    protocol: str
    state: str
    local: str
    local_port: int
    peer: str
    peer_port: int
    recv_q: int = 0
    send_q: int = 0
    timer: str = ""
    timer_retries: int = 0
    rtt: float | None = None
    rtt_var: float | None = None
    min_rtt: float | None = None
    rto: float | None = None
    backoff: int = 0
    mss: int | None = None
    pmtu: int | None = None
    cwnd: int | None = None
    unacked: int = 0
    retrans: int = 0
    retrans_total: int = 0
    lost: int = 0
    delivery_rate: float | None = None
    rwnd_limited: float | None = None  # per cent of busy time
    sndbuf_limited: float | None = None
    app_limited: bool = False
    not_sent: int = 0
    bytes_acked: int | None = None
    bytes_received: int | None = None
    alike: int = 1  # more: a sum over so many; queues and segments are sums, the RTT a mean


def queue_is_full(listener: SocketRow) -> bool:
    """Whether more connections wait to be accepted than the listener's limit (sent as send_q)."""
    return 0 < listener.send_q < listener.recv_q


def trouble(row: SocketRow) -> str:
    """One short reason why a socket deserves a look, or '' (docs/reference/sockets.md)."""
    if row.state == "LISTEN":
        return "accept queue full" if queue_is_full(row) else ""
    return next((name for name, holds in _TROUBLES if holds(row)), "")


_TROUBLES: tuple[tuple[str, Callable[[SocketRow], object]], ...] = (
    (
        "SYN unanswered",
        lambda r: r.state == "SYN-SENT" and (r.timer_retries or r.retrans or r.backoff),
    ),
    ("peer silent", lambda r: r.backoff and r.unacked),
    ("peer window zero", lambda r: r.timer == "persist"),
    ("retransmitting", lambda r: r.retrans),
    ("loss", lambda r: r.lost),
    ("receiver slow", lambda r: (r.rwnd_limited or 0) > RECEIVER_SLOW),
)
