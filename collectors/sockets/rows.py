"""A socket as podwire shows it, whichever way it was read."""

from __future__ import annotations

from typing import NamedTuple


class SocketRow(NamedTuple):
    """One socket; a named tuple, since a node has tens of thousands. Times are milliseconds, rates bits/s, counts
    segments or bytes as the kernel's tcp_info has them; None is 'not told'. For LISTEN, recv_q is the accept queue and
    send_q its limit."""

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
    alike: int = (
        1  # a row that stands for several alike: queues and segments are sums, the RTT a mean
    )


def trouble(row: SocketRow) -> str:
    """One short reason why a socket deserves a look, or '' (docs/reference/sockets.md)."""
    if row.state == "SYN-SENT" and (row.timer_retries or row.retrans or row.backoff):
        return "SYN unanswered"
    if row.state == "LISTEN":
        return "accept queue full" if row.send_q and row.recv_q > row.send_q else ""
    if row.backoff and row.unacked:
        return "peer silent"
    if row.timer == "persist":
        return "peer window zero"
    if row.retrans:
        return "resending"
    if row.lost:
        return "loss"
    if (row.rwnd_limited or 0) > 50:
        return "receiver slow"
    return ""
