"""This machine as a target: netlink through pyroute2, interfaces and CPU through psutil, the rest from /proc.

Not root: conntrack statistics come from /proc, capture is for those who may; each loss is told once, plainly.
Everything that reads the kernel runs in a thread.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from pyroute2 import DiagSocket, IPRoute
from pyroute2.netlink.nfnetlink.nfctsocket import NFCTSocket

from collectors.events import CounterSample, Mark, SocketSnapshot, TargetState
from collectors.kernel import procfs
from collectors.safe import safe
from collectors.session import Session
from collectors.sockets.rows import SocketRow
from collectors.target import Target

INTERVAL_S = 1.0
SOCKETS_EVERY = 2
STATES = {
    1: "ESTAB", 2: "SYN-SENT", 3: "SYN-RECV", 4: "FIN-WAIT-1", 5: "FIN-WAIT-2", 6: "TIME-WAIT",
    7: "UNCONN", 8: "CLOSE-WAIT", 9: "LAST-ACK", 10: "LISTEN", 11: "CLOSING", 12: "SYN-RECV",
}  # fmt: skip
TIMERS = {1: "on", 2: "keepalive", 3: "timewait", 4: "persist"}
TCP_INFO = 1 << 1  # INET_DIAG_INFO - 1, linux/inet_diag.h
_FROM_PROC = (
    "/proc/net/snmp", "/proc/net/netstat", "/proc/net/softnet_stat", "/proc/net/stat/arp_cache", "/proc/net/sockstat",
    "/proc/sys/net/netfilter/nf_conntrack_count", "/proc/sys/net/netfilter/nf_conntrack_max",
)  # fmt: skip
_CONNTRACK = {
    "found": "CTA_STATS_FOUND", "invalid": "CTA_STATS_INVALID", "insert_failed": "CTA_STATS_INSERT_FAILED",
    "drop": "CTA_STATS_DROP", "early_drop": "CTA_STATS_EARLY_DROP", "error": "CTA_STATS_ERROR",
    "search_restart": "CTA_STATS_SEARCH_RESTART",
}  # fmt: skip


def target() -> Target:
    name = safe(socket.gethostname(), 64)
    return Target("local", name, node=name)


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text()
    except OSError:
        return None


def _proc_values(paths: tuple[str, ...]) -> tuple[procfs.Values, list[str]]:
    values: procfs.Values = {}
    missing = []
    for path in paths:
        text = _read(path)
        if text is None:
            missing.append(path)
        else:
            values.update(procfs.FILES[path](text))
    return values, missing


def conntrack_statistics() -> procfs.Values:
    """Per-CPU conntrack statistics over netlink, summed. PermissionError or OSError where not allowed."""
    values: procfs.Values = {}
    with NFCTSocket() as netlink:
        for message in netlink.stat():
            for ours, theirs in _CONNTRACK.items():
                values[f"conntrack_{ours}"] = values.get(f"conntrack_{ours}", 0) + int(message.get_attr(theirs) or 0)
    return values


def interface_values() -> procfs.Values:
    values: procfs.Values = {}
    for name, c in psutil.net_io_counters(pernic=True).items():
        if name == "lo":
            continue
        fields = {
            "rx_bytes": c.bytes_recv, "rx_packets": c.packets_recv, "rx_errs": c.errin, "rx_drop": c.dropin,
            "tx_bytes": c.bytes_sent, "tx_packets": c.packets_sent, "tx_errs": c.errout, "tx_drop": c.dropout,
        }  # fmt: skip
        values.update({f"dev/{safe(name, 32)}/{field}": value for field, value in fields.items()})
    return values


def cpu_values() -> procfs.Values:
    """CPU time in hundredths of a second, as the ticks of /proc/stat."""
    t = psutil.cpu_times()
    kinds = {"cpu_idle": t.idle + t.iowait, "cpu_softirq": t.softirq, "cpu_steal": t.steal}
    total = t.user + t.nice + t.system + t.idle + t.iowait + t.irq + t.softirq + t.steal
    return {name: int(value * 100) for name, value in {**kinds, "cpu_total": total}.items()}


class Reader:
    """Reads everything once. `told` collects plain sentences about what this user may not read."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self._netlink = True

    def sample(self, key: str) -> CounterSample:
        values, missing = _proc_values(_FROM_PROC)
        values.update(interface_values())
        values.update(cpu_values())
        values.update(self._conntrack())
        netns = str(Path("/proc/self/ns/net").stat().st_ino)
        return CounterSample(time.time(), key, time.monotonic(), netns, values, tuple(missing))

    def _conntrack(self) -> procfs.Values:
        if self._netlink:
            try:
                return conntrack_statistics()
            except Exception as error:  # pyroute2 raises its own and the kernel's kinds
                self._netlink = False
                who = "only root may ask the kernel" if os.getuid() else safe(error, 80)
                self.told.append(f"Conntrack statistics are read from /proc instead of netlink: {who}.")
        return _proc_values(("/proc/net/stat/nf_conntrack",))[0]

    def sockets(self, key: str) -> SocketSnapshot:
        rows: list[SocketRow] = []
        with DiagSocket() as diag:
            diag.bind()
            for protocol, number, states in (("tcp", socket.IPPROTO_TCP, 0xFFF), ("udp", socket.IPPROTO_UDP, 0xFFF)):
                for family in (socket.AF_INET, socket.AF_INET6):
                    found = diag.get_sock_stats(family=family, protocol=number, states=states, extensions=TCP_INFO)
                    rows += [row(message, protocol) for message in found]
        return SocketSnapshot(time.time(), key, tuple(rows), "netlink")

    def facts(self) -> Iterator[str]:
        """Links with their MTU, and default routes: what a person would look up first."""
        with IPRoute() as route:
            links = {link["index"]: link for link in route.get_links()}
            for link in links.values():
                state, mtu = link.get_attr("IFLA_OPERSTATE"), link.get_attr("IFLA_MTU")
                if state == "UP":
                    yield f"link {safe(link.get_attr('IFLA_IFNAME'), 32)}: MTU {mtu}, {safe(state, 16).lower()}"
            for entry in route.get_default_routes():
                device = links.get(entry.get_attr("RTA_OIF"))
                name = safe(device.get_attr("IFLA_IFNAME"), 32) if device else "?"
                yield f"default route via {safe(entry.get_attr('RTA_GATEWAY') or 'link', 64)} on {name}"


def _tcp(message: Any) -> dict[str, Any]:
    """Fields of struct tcp_info (linux/tcp.h); times there are microseconds, rates bytes/s."""
    info = message.get_attr("INET_DIAG_INFO")
    if not info:
        return {}
    rate = info.get("tcpi_delivery_rate") or 0
    return {
        "rtt": info["tcpi_rtt"] / 1000,
        "rtt_var": info["tcpi_rttvar"] / 1000,
        "min_rtt": (info.get("tcpi_min_rtt") or 0) / 1000,
        "rto": info["tcpi_rto"] / 1000,
        "backoff": info["tcpi_backoff"],
        "mss": info["tcpi_snd_mss"],
        "pmtu": info["tcpi_pmtu"],
        "cwnd": info["tcpi_snd_cwnd"],
        "unacked": info["tcpi_unacked"],
        "retrans": info["tcpi_retrans"],
        "retrans_total": info["tcpi_total_retrans"],
        "lost": info["tcpi_lost"],
        "delivery_rate": rate * 8.0 if rate else None,
        "not_sent": info.get("tcpi_notsent_bytes") or 0,
    }


def row(message: Any, protocol: str) -> SocketRow:
    """One inet_diag answer as a row. For LISTEN the kernel puts the accept queue in rqueue, its limit in wqueue."""
    state = STATES.get(message["idiag_state"], "?")
    details = _tcp(message) if protocol == "tcp" and state != "LISTEN" else {}
    return SocketRow(
        protocol, state, safe(message["idiag_src"], 64), int(message["idiag_sport"]), safe(message["idiag_dst"], 64),
        int(message["idiag_dport"]), int(message["idiag_rqueue"]), int(message["idiag_wqueue"]),
        TIMERS.get(message["idiag_timer"], ""), int(message["idiag_retrans"]), **details,
    )  # fmt: skip


async def watch(session: Session, where: Target) -> None:
    """Publish this machine's evidence, for ever."""
    reader, tick = Reader(), 0
    for fact in await asyncio.to_thread(lambda: list(reader.facts())):
        session.publish(Mark(time.time(), where.key, "podwire", fact))
    while True:
        began = time.monotonic()
        session.publish(await asyncio.to_thread(reader.sample, where.key))
        if tick % SOCKETS_EVERY == 0:
            session.publish(await asyncio.to_thread(reader.sockets, where.key))
        if tick == 0:
            session.publish(TargetState(time.time(), where.key, "live"))
        for sentence in reader.told:
            session.publish(Mark(time.time(), where.key, "podwire", sentence))
        reader.told.clear()
        tick += 1
        await asyncio.sleep(max(0.0, INTERVAL_S - (time.monotonic() - began)))
