"""Parsers of text against plain splitting of the same text, within one run."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from collectors.kernel import procfs
from collectors.sockets import ss

SOCKET = (
    "ESTAB 0 0 10.244.1.6:43210 10.96.181.95:80 timer:(keepalive,58sec,0) cubic wscale:7,7 "
    "rto:204 rtt:0.2/0.1 ato:40 mss:1398 pmtu:1450 advmss:1398 cwnd:10 bytes_sent:240 "
    "bytes_acked:240 segs_out:4 segs_in:3 send 559Mbps lastsnd:100 lastrcv:100 lastack:100 "
    "delivery_rate 55Mbps delivered:5 rcv_space:14480 minrtt:0.05"
)


def best(work: Callable[[], object], runs: int = 3) -> float:
    """Seconds of the fastest run."""
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def sockets() -> None:
    text = (SOCKET + "\n") * 18_000
    split = best(lambda: [row.split() for row in text.splitlines()])
    ours = best(lambda: ss.parse(text, "tcp"))
    print(
        f"{'ss text':<18} {18_000 / ours:>12,.0f} sockets/s   {split / ours:6.2f} x splitting alone"
    )


def counters() -> None:
    text = Path("/proc/net/netstat").read_text()
    split = best(lambda: [text.split() for _ in range(1000)])
    ours = best(lambda: [procfs.snmp(text) for _ in range(1000)])
    print(
        f"{'netstat':<18} {1000 / ours:>12,.0f} files/s     {split / ours:6.2f} x splitting alone"
    )
