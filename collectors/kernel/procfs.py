"""Parsers of /proc files into counter values. Pure: text in, {name: value} out; a bad line is
skipped."""

from __future__ import annotations

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
    lines = text.splitlines()
    for names, numbers in zip(lines[::2], lines[1::2], strict=False):
        protocol, _, fields = names.partition(":")
        same, _, figures = numbers.partition(":")
        parsed = _ints(figures.split())
        if protocol != same or parsed is None:
            continue
        values.update(
            {protocol + name: value for name, value in zip(fields.split(), parsed, strict=False)}
        )
    return values


def snmp6(text: str) -> Values:
    """/proc/net/snmp6: a name and a figure per line. Counters of single ICMPv6 types are left
    out."""
    values: Values = {}
    for line in text.splitlines():
        name, _, figure = line.partition(" ")
        figure = figure.strip()
        if figure.isdecimal() and name.isidentifier() and "Type" not in name:
            values[name] = int(figure)
    return values


_CONNTRACK = {
    "found": "found",
    "invalid": "invalid",
    "insert_failed": "insert_failed",
    "drop": "drop",
    "early_drop": "early_drop",
    "icmp_error": "error",
    "search_restart": "search_restart",
    "clashres": "clash_resolve",
    "chaintoolong": "chaintoolong",
}


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
    values = _per_cpu(text, _ARP)
    lines = text.splitlines()
    if len(lines) > 1:
        first = dict(zip(lines[0].split(), _ints(lines[1].split(), 16) or (), strict=False))
        if "entries" in first:
            values["arp_entries"] = first["entries"]
    return values


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
    """`conntrack -S`, in its own format or in the /proc-like one it falls back to: `name=value`
    pairs."""
    values: Values = {}
    for line in text.splitlines():
        for pair in line.split():
            name, _, value = pair.partition("=")
            ours = _CONNTRACK.get(name) or (name if name in _CONNTRACK.values() else "")
            if ours and value.isdigit():
                values[f"conntrack_{ours}"] = values.get(f"conntrack_{ours}", 0) + int(value)
    return values


_SOFTNET = {
    0: "softnet_processed",
    1: "softnet_dropped",
    2: "softnet_time_squeeze",
    10: "softnet_flow_limit",
}


SOFTNET_CPU = 12  # the CPU's number: rows are of CPUs online (docs/reference/counters.md)


def softnet(text: str) -> Values:
    """/proc/net/softnet_stat: a row of hex columns per CPU (older kernels have fewer): sums, and
    softnet/CPU/FIELD."""
    values: Values = {}
    for number, line in enumerate(text.splitlines()):
        row = _ints(line.split(), 16)
        for column, name in _SOFTNET.items():
            if row and column < len(row):
                values[name] = values.get(name, 0) + row[column]
                cpu = row[SOFTNET_CPU] if len(row) > SOFTNET_CPU else number
                values[f"softnet/{cpu}/{name[8:]}"] = row[column]
    return values


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
        name, colon, rest = line.rpartition(":")
        row = _ints(rest.split())
        if not colon or row is None or name.strip() in ("", "lo"):
            continue
        for column, field in _DEV.items():
            if column < len(row):
                values[f"dev/{sanitize(name.strip(), 32)}/{field}"] = row[column]
    return values


def cpu(text: str) -> Values:
    """/proc/stat: all CPUs together, and of each the time that matters to packets; in clock
    ticks."""
    values: Values = {}
    for line in text.splitlines():
        name, _, rest = line.partition(" ")
        row = _ints(rest.split()) if name.startswith("cpu") else None
        if not row or len(row) < 8 or not (name == "cpu" or name[3:].isdecimal()):
            continue
        prefix = "cpu_" if name == "cpu" else f"cpu/{name[3:]}/"
        values[f"{prefix}total"] = sum(row[:8])
        values[f"{prefix}idle"] = row[3] + row[4]
        values[f"{prefix}softirq"] = row[6]
        values[f"{prefix}steal"] = row[7]
    return values


def pressure(kind: str) -> Parser:
    """/proc/pressure/KIND (Documentation/accounting/psi.rst): microseconds that some, or all, tasks
    were stalled."""

    def parse(text: str) -> Values:
        values: Values = {}
        for line in text.splitlines():
            who, _, rest = line.partition(" ")
            total = rest.rpartition("total=")[2].strip()
            if who in ("some", "full") and total.isdecimal():
                values[f"psi_{kind}_{who}"] = int(total)
        return values

    return parse


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
        fields = rest.split()
        for name, value in zip(fields[::2], fields[1::2], strict=False):
            if (group, name) in _SOCKSTAT and value.isdigit():
                yield _SOCKSTAT[group, name], int(value)


def single(name: str) -> Parser:
    """A file that holds one number."""

    def parse(text: str) -> Values:
        number = _ints(text.split()[:1])
        return {name: number[0]} if number else {}

    return parse


def port_range(text: str) -> Values:
    """ip_local_port_range: the first and the last port that a connection may be given."""
    row = _ints(text.split()[:2])
    return {"port_range_low": row[0], "port_range_high": row[1]} if row and len(row) == 2 else {}


# Settings that a diagnosis needs; the name is the sysctl's own.
SETTINGS = (
    "net.ipv4.tcp_tw_reuse",
    "net.ipv4.tcp_max_tw_buckets",
    "net.ipv4.tcp_mtu_probing",
    "net.core.somaxconn",
    "net.ipv4.tcp_max_syn_backlog",
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
