"""Parsers of /proc files into counter values. Pure: text in, {name: value} out; a bad line is
skipped."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from collectors.sanitize import sanitize

Values = dict[str, int]
Parser = Callable[[str], Values]


def _ints(fields: list[str], base: int = 10) -> list[int] | None:
    try:
        return [int(field, base) for field in fields]
    except ValueError:
        return None


def snmp(text: str) -> Values:
    """/proc/net/snmp and /proc/net/netstat: a line of names and a line of values for each
    protocol."""
    values: Values = {}
    for names, numbers in _pairs(text.splitlines()):
        values.update(_protocol(names, numbers))
    return values


def _protocol(names: str, numbers: str) -> Values:
    """`Tcp: InSegs …` and `Tcp: 7 …`; {} where the two lines do not belong together."""
    protocol, _, fields = names.partition(":")
    same, _, figures = numbers.partition(":")
    if protocol != same:
        return {}
    row = _ints(figures.split()) or []
    return {protocol + name: value for name, value in zip(fields.split(), row, strict=False)}


def snmp6(text: str) -> Values:
    """/proc/net/snmp6: a name and a figure per line. Counters of single ICMPv6 types are left
    out."""
    pairs = map(str.split, text.splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if _is_snmp6(pair)}


def _is_snmp6(pair: list[str]) -> bool:
    if len(pair) != 2:
        return False
    name, figure = pair
    return figure.isdecimal() and name.isidentifier() and "Type" not in name


_CONNTRACK = {
    "found": "found",
    "invalid": "invalid",
    "insert_failed": "insert_failed",
    "drop": "drop",
    "early_drop": "early_drop",
    "icmp_error": "error",
    "search_restart": "search_restart",
    "clashres": "clash_resolve",
    "chainlength": "chaintoolong",  # its column is of `chaintoolong` (nf_conntrack_standalone.c)
}
# The tool prints names of /proc or its own, which are those used here.
_CONNTRACK_TOOL = {ours: ours for ours in _CONNTRACK.values()} | _CONNTRACK


def conntrack(text: str) -> Values:
    """/proc/net/stat/nf_conntrack: a header and a row of hex per CPU. Rows are summed, but
    `entries` is not read at all: each row repeats the total."""
    return _per_cpu(text, {name: f"conntrack_{ours}" for name, ours in _CONNTRACK.items()})


_ARP = {
    "res_failed": "arp_res_failed",
    "unresolved_discards": "arp_unresolved_discards",
    "table_fulls": "arp_table_fulls",
}


def arp_cache(text: str) -> Values:
    """/proc/net/stat/arp_cache: entries (each row repeats the total), and what failed."""
    first = next(_cpu_rows(text), {})
    entries = {"arp_entries": first["entries"]} if "entries" in first else {}
    return _per_cpu(text, _ARP) | entries


def _per_cpu(text: str, wanted: dict[str, str]) -> Values:
    """The wanted columns, by the names they get here, summed over CPUs."""
    values: Values = {}
    for row in _cpu_rows(text):
        for name, value in row.items():
            if name in wanted:
                _add(values, wanted[name], value)
    return values


def _cpu_rows(text: str) -> Iterator[Values]:
    """A file of /proc/net/stat: a line of names, and a line of hex for each CPU."""
    header, *lines = text.splitlines() or [""]
    names = header.split()
    for line in lines:
        yield dict(zip(names, _ints(line.split(), 16) or (), strict=False))


def _add(values: Values, name: str, amount: int) -> None:
    values[name] = values.get(name, 0) + amount


def conntrack_tool(text: str) -> Values:
    """`conntrack -S`, in its own format or in the /proc-like one it falls back to: `name=value`
    pairs."""
    values: Values = {}
    for pair in text.split():
        name, _, value = pair.partition("=")
        ours = _CONNTRACK_TOOL.get(name)
        if ours and value.isdigit():
            _add(values, f"conntrack_{ours}", int(value))
    return values


_SOFTNET = {
    0: "processed",
    1: "dropped",
    2: "time_squeeze",
    10: "flow_limit",
}


SOFTNET_CPU = 12  # the CPU's number: rows are of CPUs online (docs/reference/counters.md)


def softnet(text: str) -> Values:
    """/proc/net/softnet_stat: a row of hex columns per CPU (older kernels have fewer): sums, and
    softnet/CPU/FIELD."""
    values: Values = {}
    for number, line in enumerate(text.splitlines()):
        row = _ints(line.split(), 16) or []
        cpu = row[SOFTNET_CPU] if len(row) > SOFTNET_CPU else number
        for name, value in _columns(row, _SOFTNET):
            _add(values, f"softnet_{name}", value)
            values[f"softnet/{cpu}/{name}"] = value
    return values


def _columns(row: list[int], names: dict[int, str]) -> Iterator[tuple[str, int]]:
    """(name, value) of the columns that the row has."""
    return ((name, row[column]) for column, name in names.items() if column < len(row))


_DEV = {
    0: "rx_bytes",
    1: "rx_packets",
    2: "rx_errs",
    3: "rx_drop",
    8: "tx_bytes",
    9: "tx_packets",
    10: "tx_errs",
    11: "tx_drop",
}


def dev(text: str) -> Values:
    """/proc/net/dev as dev/IFACE/FIELD; the loopback is left out. Names may hold almost any
    byte."""
    values: Values = {}
    for line in text.splitlines():
        values.update(_interface(line))
    return values


def _interface(line: str) -> Values:
    name, _, rest = line.rpartition(":")
    device = name.strip()
    if device in ("", "lo"):
        return {}
    row = _ints(rest.split()) or []
    prefix = f"dev/{sanitize(device, 32)}/"
    return {prefix + field: value for field, value in _columns(row, _DEV)}


def cpu(text: str) -> Values:
    """/proc/stat: all CPUs together, and of each the time that matters to packets; in clock
    ticks."""
    values: Values = {}
    for line in text.splitlines():
        values.update(_cpu_time(line))
    return values


_CPU = re.compile(r"cpu(\d*) ")
_CPU_COLUMNS = 8  # user, nice, system, idle, iowait, irq, softirq, steal; guests are in user
_CPU_TIMES = {
    "total": slice(_CPU_COLUMNS),
    "idle": slice(3, 5),
    "softirq": slice(6, 7),
    "steal": slice(7, 8),
}


def _cpu_time(line: str) -> Values:
    cpu = _CPU.match(line)
    row = _ints(line.split()[1:]) if cpu else None
    if not cpu or not row or len(row) < _CPU_COLUMNS:
        return {}
    prefix = f"cpu/{cpu[1]}/" if cpu[1] else "cpu_"
    return {prefix + kind: sum(row[columns]) for kind, columns in _CPU_TIMES.items()}


def pressure(kind: str) -> Parser:
    """/proc/pressure/KIND (Documentation/accounting/psi.rst): microseconds that some, or all, tasks
    were stalled."""
    return lambda text: {f"psi_{kind}_{who}": total for who, total in _stalls(text)}


def _stalls(text: str) -> Iterator[tuple[str, int]]:
    for line in text.splitlines():
        who, _, rest = line.partition(" ")
        total = rest.rpartition("total=")[2].strip()
        if who in ("some", "full") and total.isdecimal():
            yield who, int(total)


_SOCKSTAT = {
    ("sockets", "used"): "sock_used",
    ("TCP", "inuse"): "sock_tcp_inuse",
    ("TCP", "tw"): "sock_tcp_tw",
    ("TCP", "orphan"): "sock_tcp_orphan",
    ("TCP", "mem"): "sock_tcp_mem",
    ("UDP", "inuse"): "sock_udp_inuse",
}


def sockstat(text: str) -> Values:
    """/proc/net/sockstat: `TCP: inuse 3 orphan 0 tw 12 alloc 4 mem 1`."""
    return dict(_sockstat_pairs(text))


def _sockstat_pairs(text: str) -> Iterator[tuple[str, int]]:
    for line in text.splitlines():
        group, _, rest = line.partition(":")
        for name, value in _pairs(rest.split()):
            ours = _SOCKSTAT.get((group, name))
            if ours and value.isdigit():
                yield ours, int(value)


def _pairs(words: list[str]) -> Iterator[tuple[str, str]]:
    return zip(words[::2], words[1::2], strict=False)


def single(name: str) -> Parser:
    """A file that holds one number."""

    def parse(text: str) -> Values:
        number = _ints(text.split()[:1])
        return {name: number[0]} if number else {}

    return parse


def port_range(text: str) -> Values:
    """ip_local_port_range: the first and the last port that a connection may be given."""
    row = _ints(text.split()[:2]) or []
    if len(row) < 2:
        return {}
    return {"port_range_low": row[0], "port_range_high": row[1]}


# Settings that a diagnosis needs; the name is the sysctl's own.
SETTINGS = (
    "net.ipv4.tcp_tw_reuse",
    "net.ipv4.tcp_max_tw_buckets",
    "net.ipv4.tcp_mtu_probing",
    "net.core.somaxconn",
    "net.ipv4.tcp_max_syn_backlog",
    "net.ipv4.tcp_syncookies",
    "net.core.netdev_max_backlog",
    "net.core.netdev_budget",
    "net.ipv4.neigh.default.gc_thresh1",
    "net.ipv4.neigh.default.gc_thresh2",
    "net.ipv4.neigh.default.gc_thresh3",
    "net.netfilter.nf_conntrack_tcp_timeout_established",
    "net.netfilter.nf_conntrack_tcp_be_liberal",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.conf.all.rp_filter",
    "fs.file-max",
    "net.ipv4.vs.conn_reuse_mode",
)


def setting_path(name: str) -> str:
    return "/proc/sys/" + name.replace(".", "/")


FILES: dict[str, Parser] = {
    "/proc/net/snmp": snmp,
    "/proc/net/netstat": snmp,
    "/proc/net/stat/nf_conntrack": conntrack,
    "/proc/sys/net/netfilter/nf_conntrack_count": single("conntrack_count"),
    "/proc/net/softnet_stat": softnet,
    "/proc/net/stat/arp_cache": arp_cache,
    "/proc/net/dev": dev,
    "/proc/net/sockstat": sockstat,
    "/proc/stat": cpu,
    "/proc/net/snmp6": snmp6,
    "/proc/pressure/cpu": pressure("cpu"),
    "/proc/pressure/memory": pressure("memory"),
    "/proc/pressure/io": pressure("io"),
}
SLOW_FILES: dict[str, Parser] = {  # that change only when somebody sets them
    "/proc/sys/net/netfilter/nf_conntrack_max": single("conntrack_max"),
    "/proc/sys/net/netfilter/nf_conntrack_buckets": single("conntrack_buckets"),
    "/proc/sys/net/ipv4/ip_local_port_range": port_range,
    **{setting_path(name): single(f"sysctl {name}") for name in SETTINGS},
}
