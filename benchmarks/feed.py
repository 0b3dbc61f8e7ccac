"""Evidence made up for benchmarks: counters that move, sockets to a few hundred peers."""

from __future__ import annotations

from pathlib import Path

from collectors.events import CounterSample
from collectors.kernel import procfs
from collectors.sockets.rows import SocketRow

_BASE = {
    name: value
    for path in (
        "/proc/net/snmp",
        "/proc/net/netstat",
        "/proc/net/softnet_stat",
        "/proc/stat",
        "/proc/net/sockstat",
    )
    for name, value in procfs.FILES[path](Path(path).read_text()).items()
}
MOVING = 250  # counters that move each second


def counter_sample(key: str, at: float, number: int) -> CounterSample:
    values = {
        name: value + number * (place + 1 if place < MOVING else 0)
        for place, (name, value) in enumerate(_BASE.items())
    }
    values |= {"conntrack_count": 100_000 + number % 1000, "conntrack_max": 262_144}
    return CounterSample(at, key, float(number), "net:[1]", values)


def socket_rows(count: int, number: int) -> tuple[SocketRow, ...]:
    return tuple(
        SocketRow(
            "tcp",
            "ESTAB" if n % 5 else "TIME-WAIT",
            "10.1.1.2",
            20_000 + n,
            f"10.1.{n % 250}.{n % 3}",
            8080,
            rtt=0.2 + (n + number) % 97 / 10,
            rtt_var=0.1,
            min_rtt=0.1,
            cwnd=10,
            retrans_total=n % 50 // 49,
            bytes_acked=n * number,
            bytes_received=n * number,
        )
        for n in range(count)
    )
