"""Parsers of /proc files into counter values. Pure: text in, {name: value} out; a bad line is passed over."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from collectors.safe import safe

Values = dict[str, int]


def _ints(fields: list[str], base: int = 10) -> list[int] | None:
    try:
        return [int(field, base) for field in fields]
    except ValueError:
        return None


def snmp(text: str) -> Values:
    """/proc/net/snmp and /proc/net/netstat: a line of names, then a line of values, for each protocol."""
    values: Values = {}
    lines = text.splitlines()
    for names, numbers in zip(lines[::2], lines[1::2], strict=False):
        protocol, _, fields = names.partition(":")
        same, _, figures = numbers.partition(":")
        parsed = _ints(figures.split())
        if protocol != same or parsed is None:
            continue
        values.update({protocol + name: value for name, value in zip(fields.split(), parsed, strict=False)})
    return values


_CONNTRACK = {
    "found": "found", "invalid": "invalid", "insert_failed": "insert_failed", "drop": "drop",
    "early_drop": "early_drop", "icmp_error": "error", "search_restart": "search_restart",
    "clashres": "clash_resolve", "chaintoolong": "chaintoolong",
}  # fmt: skip


def conntrack(text: str) -> Values:
    """/proc/net/stat/nf_conntrack: a header, then a row of hex a CPU. Rows are summed, but `entries` is not
    read at all: each row repeats the total."""
    return _per_cpu(text, {name: f"conntrack_{ours}" for name, ours in _CONNTRACK.items()})


def arp_cache(text: str) -> Values:
    """/proc/net/stat/arp_cache: only how often the neighbour table was full."""
    return _per_cpu(text, {"table_fulls": "arp_table_fulls"})


def _per_cpu(text: str, wanted: dict[str, str]) -> Values:
    lines = text.splitlines()
    if not lines:
        return {}
    names = lines[0].split()
    values: Values = {}
    for line in lines[1:]:
        row = _ints(line.split(), 16)
        for name, value in zip(names, row or (), strict=False):
            if name in wanted:
                values[wanted[name]] = values.get(wanted[name], 0) + value
    return values


def conntrack_tool(text: str) -> Values:
    """`conntrack -S`, in its own format or in the /proc-like one it falls back to: `name=value` pairs."""
    values: Values = {}
    for line in text.splitlines():
        for pair in line.split():
            name, _, value = pair.partition("=")
            ours = _CONNTRACK.get(name) or (name if name in _CONNTRACK.values() else "")
            if ours and value.isdigit():
                values[f"conntrack_{ours}"] = values.get(f"conntrack_{ours}", 0) + int(value)
    return values


_SOFTNET = {0: "softnet_processed", 1: "softnet_dropped", 2: "softnet_time_squeeze", 10: "softnet_flow_limit"}


def softnet(text: str) -> Values:
    """/proc/net/softnet_stat: a row of hex columns a CPU (older kernels have fewer)."""
    values: Values = {}
    for line in text.splitlines():
        row = _ints(line.split(), 16)
        for column, name in _SOFTNET.items():
            if row and column < len(row):
                values[name] = values.get(name, 0) + row[column]
    return values


_DEV = {0: "rx_bytes", 1: "rx_packets", 2: "rx_errs", 3: "rx_drop", 8: "tx_bytes", 9: "tx_packets", 10: "tx_errs", 11: "tx_drop"}  # fmt: skip  # noqa: E501


def dev(text: str) -> Values:
    """/proc/net/dev as dev/IFACE/FIELD; the loopback is left out. Names may hold almost any byte."""
    values: Values = {}
    for line in text.splitlines():
        name, colon, rest = line.rpartition(":")
        row = _ints(rest.split())
        if not colon or row is None or name.strip() in ("", "lo"):
            continue
        for column, field in _DEV.items():
            if column < len(row):
                values[f"dev/{safe(name.strip(), 32)}/{field}"] = row[column]
    return values


def cpu(text: str) -> Values:
    """The `cpu` line of /proc/stat, in clock ticks of all CPUs together."""
    for line in text.splitlines():
        row = _ints(line.split()[1:]) if line.startswith("cpu ") else None
        if row and len(row) >= 8:
            return {
                "cpu_total": sum(row[:8]),
                "cpu_idle": row[3] + row[4],
                "cpu_softirq": row[6],
                "cpu_steal": row[7],
            }
    return {}


_SOCKSTAT = {
    ("sockets", "used"): "sock_used", ("TCP", "inuse"): "sock_tcp_inuse", ("TCP", "tw"): "sock_tcp_tw",
    ("TCP", "orphan"): "sock_tcp_orphan", ("TCP", "mem"): "sock_tcp_mem", ("UDP", "inuse"): "sock_udp_inuse",
}  # fmt: skip


def sockstat(text: str) -> Values:
    """/proc/net/sockstat: `TCP: inuse 3 orphan 0 tw 12 alloc 4 mem 1`."""
    return dict(_sockstat_pairs(text))


def _sockstat_pairs(text: str) -> Iterator[tuple[str, int]]:
    for line in text.splitlines():
        group, _, rest = line.partition(":")
        fields = rest.split()
        for name, value in zip(fields[::2], fields[1::2], strict=False):
            if (group, name) in _SOCKSTAT and value.isdigit():
                yield _SOCKSTAT[group, name], int(value)


def single(name: str) -> Callable[[str], Values]:
    """A file that holds one number."""

    def parse(text: str) -> Values:
        number = _ints(text.split()[:1])
        return {name: number[0]} if number else {}

    return parse


FILES: dict[str, Callable[[str], Values]] = {
    "/proc/net/snmp": snmp,
    "/proc/net/netstat": snmp,
    "/proc/net/stat/nf_conntrack": conntrack,
    "/proc/sys/net/netfilter/nf_conntrack_count": single("conntrack_count"),
    "/proc/sys/net/netfilter/nf_conntrack_max": single("conntrack_max"),
    "/proc/net/softnet_stat": softnet,
    "/proc/net/stat/arp_cache": arp_cache,
    "/proc/net/dev": dev,
    "/proc/net/sockstat": sockstat,
    "/proc/stat": cpu,
}
