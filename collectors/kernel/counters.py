"""The table of kernel counters: name, scope, unit, meaning, source. Parser, screens, help and
reports read it.

Scope: `netns` belongs to the network namespace that it is read in (a pod's own, or a node's),
`node` is the whole machine's from wherever it is read, `global` is one setting for the machine
(docs/reference/counters.md). Names follow nstat: protocol and field, e.g. TcpRetransSegs,
TcpExtListenOverflows.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Literal, cast

from collectors.frozen import frozen
from collectors.kernel.counter_table import TABLE

Scope = Literal["netns", "node", "global"]


@frozen
class Counter:
    """`gauge` is a level rather than a count; `trouble` is worth a look whenever it moves."""

    name: str
    meaning: str
    source: str
    scope: Scope = "netns"
    unit: str = "events"
    gauge: bool = False
    trouble: bool = False


_SOURCES = (
    ("TcpExt", "/proc/net/netstat"),
    ("IpExt", "/proc/net/netstat"),
    ("MPTcpExt", "/proc/net/netstat"),
    ("conntrack_count", "/proc/sys/net/netfilter/nf_conntrack_count"),
    ("conntrack_max", "/proc/sys/net/netfilter/nf_conntrack_max"),
    ("conntrack_buckets", "/proc/sys/net/netfilter/nf_conntrack_buckets"),
    ("conntrack", "/proc/net/stat/nf_conntrack"),
    ("psi_cpu", "/proc/pressure/cpu"),
    ("psi_memory", "/proc/pressure/memory"),
    ("psi_io", "/proc/pressure/io"),
    ("port_range", "/proc/sys/net/ipv4/ip_local_port_range"),
    ("Ip6", "/proc/net/snmp6"),
    ("Icmp6", "/proc/net/snmp6"),
    ("Udp6", "/proc/net/snmp6"),
    ("UdpLite6", "/proc/net/snmp6"),
    ("softnet", "/proc/net/softnet_stat"),
    ("arp", "/proc/net/stat/arp_cache"),
    ("cpu", "/proc/stat"),
    ("sock", "/proc/net/sockstat"),
    ("dev/", "/proc/net/dev"),
)


def _source(name: str) -> str:
    return next((path for prefix, path in _SOURCES if name.startswith(prefix)), "/proc/net/snmp")


def _load() -> dict[str, Counter]:
    rows = (_table_row(line) for line in TABLE.strip().splitlines())
    return {row.name: row for row in rows}


def _table_row(line: str) -> Counter:
    name, scope, unit, weight, meaning = (part.strip() for part in line.split(" |", 4))
    return Counter(
        name=name,
        scope=cast(Scope, scope),
        unit=unit.lstrip("="),
        gauge=unit.startswith("="),
        trouble=weight == "!",
        meaning=meaning,
        source=_source(name),
    )


COUNTERS = _load()
_DEVICE = {
    "rx_bytes": ("bytes", False, "bytes received"),
    "rx_packets": ("packets", False, "packets received"),
    "rx_errs": ("packets", True, "received packets with errors"),
    "rx_drop": ("packets", True, "received packets dropped by the interface"),
    "tx_bytes": ("bytes", False, "bytes sent"),
    "tx_packets": ("packets", False, "packets sent"),
    "tx_errs": ("packets", True, "packets that could not be sent"),
    "tx_drop": ("packets", True, "packets to send dropped by the interface"),
    "rx_over": ("packets", True, "received packets lost: the ring was full"),
    "tx_carrier": ("packets", True, "packets lost to carrier errors"),
}


# Names that drivers give to trouble (docs/reference/counters.md)
_TROUBLE = re.compile(r"drop|discard|err|fifo|missed|no_buf|allowance_exceeded", re.IGNORECASE)

# net/ipv4 settings that each network namespace has of its own
# (Documentation/networking/ip-sysctl.rst, trials)
_OWN_SETTINGS = frozenset(
    f"sysctl net.{name}"
    for name in (
        "ipv4.tcp_tw_reuse",
        "ipv4.tcp_max_tw_buckets",
        "ipv4.tcp_mtu_probing",
        "core.somaxconn",
        "ipv4.tcp_max_syn_backlog",
        "ipv4.tcp_keepalive_time",
        "ipv4.conf.all.rp_filter",
        "netfilter.nf_conntrack_tcp_timeout_established",
        "netfilter.nf_conntrack_tcp_be_liberal",
    )
)


def describe(name: str) -> Counter:
    """The table's row for a counter; a plain one for a counter that the table does not know."""
    return COUNTERS.get(name) or _described(name)


@lru_cache(20_000)
def _described(name: str) -> Counter:
    """Of the counters whose names hold a CPU, an interface or a setting."""
    if name.startswith("sysctl "):
        return _setting(name)
    family, _, rest = name.partition("/")
    owner, slash, field = rest.partition("/")
    if slash and family in _FAMILIES:
        return _FAMILIES[family](name, owner, field)
    return _unknown(name)


def _unknown(name: str) -> Counter:
    return Counter(
        name, meaning="no description yet; see the kernel's source", source=_source(name)
    )


def _setting(name: str) -> Counter:
    return Counter(
        name=name,
        scope="netns" if name in _OWN_SETTINGS else "global",
        unit="setting",
        gauge=True,
        meaning="a setting",
        source=f"sysctl {name[7:]}",
    )


def _cpu(name: str, number: str, field: str) -> Counter:
    return Counter(
        name=name,
        scope="node",
        unit="ticks",
        trouble=field == "steal",
        meaning=f"CPU {number}: {_meaning('cpu', field)}",
        source="/proc/stat",
    )


def _meaning(family: str, field: str) -> str:
    """Of a figure of one CPU: that of all CPUs' together."""
    whole = COUNTERS.get(f"{family}_{field}")
    return whole.meaning if whole else field


def _softnet(name: str, number: str, field: str) -> Counter:
    whole = describe(f"softnet_{field}")
    return Counter(
        name=name,
        scope="node",
        unit=whole.unit,
        trouble=whole.trouble,
        meaning=f"CPU {number}: {_meaning('softnet', field)}",
        source="/proc/net/softnet_stat",
    )


def _ethtool(name: str, device: str, field: str) -> Counter:
    return Counter(
        name=name,
        trouble=bool(_TROUBLE.search(field)),
        meaning=f"{device}: the driver's {field}",
        source=f"ethtool -S {device}",
    )


def _interface(name: str, device: str, field: str) -> Counter:
    unit, trouble, meaning = _DEVICE.get(field, ("events", False, field))
    return Counter(
        name=name,
        unit=unit,
        trouble=trouble,
        meaning=f"{device}: {meaning}",
        source="/proc/net/dev",
    )


_FAMILIES: dict[str, Callable[[str, str, str], Counter]] = {
    "cpu": _cpu,
    "softnet": _softnet,
    "ethtool": _ethtool,
    "dev": _interface,
}
