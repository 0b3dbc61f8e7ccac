"""This machine as a target: netlink through pyroute2, interfaces and CPU through psutil, the rest
from /proc.

Without root conntrack statistics come from /proc, and capture is for those who may; each limit is
reported once, in plain words. Everything that reads the kernel runs in a thread.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
from pyroute2 import IPRoute
from pyroute2.netlink.nfnetlink.nfctsocket import NFCTSocket

from collectors.command_runner import LocalRunner
from collectors.events import (
    CounterSample,
    Event,
    NetworkState,
    Notice,
    SocketSnapshot,
    TargetState,
)
from collectors.kernel import network_state, packet_filters, procfs
from collectors.sanitize import sanitize
from collectors.sockets import inet_diag
from collectors.stream import Stream
from collectors.target import Target

INTERVAL_S = 1.0
SOCKETS_EVERY = 2
SETUP_EVERY = 10
_FROM_PROC = (
    "/proc/net/snmp",
    "/proc/net/netstat",
    "/proc/net/softnet_stat",
    "/proc/net/stat/arp_cache",
    "/proc/net/sockstat",
    "/proc/sys/net/netfilter/nf_conntrack_count",
    "/proc/net/snmp6",
    "/proc/pressure/cpu",
    "/proc/pressure/memory",
    "/proc/pressure/io",
)
_CONNTRACK = {
    "found": "CTA_STATS_FOUND",
    "invalid": "CTA_STATS_INVALID",
    "insert_failed": "CTA_STATS_INSERT_FAILED",
    "drop": "CTA_STATS_DROP",
    "early_drop": "CTA_STATS_EARLY_DROP",
    "error": "CTA_STATS_ERROR",
    "search_restart": "CTA_STATS_SEARCH_RESTART",
}


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
            values.update((procfs.FILES | procfs.SLOW_FILES)[path](text))
    return values, missing


def conntrack_statistics() -> procfs.Values:
    """Per-CPU conntrack statistics over netlink, summed. PermissionError or OSError where not
    allowed."""
    values: procfs.Values = {}
    with NFCTSocket() as netlink:
        for message in netlink.stat():
            for ours, theirs in _CONNTRACK.items():
                values[f"conntrack_{ours}"] = values.get(f"conntrack_{ours}", 0) + int(
                    message.get_attr(theirs) or 0
                )
    return values


def interface_values() -> procfs.Values:
    values: procfs.Values = {}
    for name, c in psutil.net_io_counters(pernic=True).items():
        if name == "lo":
            continue
        fields = {
            "rx_bytes": c.bytes_recv,
            "rx_packets": c.packets_recv,
            "rx_errs": c.errin,
            "rx_drop": c.dropin,
            "tx_bytes": c.bytes_sent,
            "tx_packets": c.packets_sent,
            "tx_errs": c.errout,
            "tx_drop": c.dropout,
        }
        values.update(
            {f"dev/{sanitize(name, 32)}/{field}": value for field, value in fields.items()}
        )
    return values


def cpu_values() -> procfs.Values:
    """CPU time in hundredths of a second, as the ticks of /proc/stat."""
    t = psutil.cpu_times()
    kinds = {"cpu_idle": t.idle + t.iowait, "cpu_softirq": t.softirq, "cpu_steal": t.steal}
    total = t.user + t.nice + t.system + t.idle + t.iowait + t.irq + t.softirq + t.steal
    values = {name: int(value * 100) for name, value in {**kinds, "cpu_total": total}.items()}
    each = procfs.cpu(_read("/proc/stat") or "")
    return values | {name: value for name, value in each.items() if name.startswith("cpu/")}


SETUP = {
    "ip addr": ("ip", "-s", "-d", "-j", "addr"),
    "ip route": ("ip", "-j", "route", "show", "table", "all"),
    "ip fdb": ("bridge", "-j", "fdb"),
}


def network(key: str) -> NetworkState:
    """How this machine's namespace is set up; what no tool prints is left out."""
    sections = {
        "arp": _read("/proc/net/arp") or "",
        "resolv": _read("/etc/resolv.conf") or "",
        "kernel": os.uname().release,
    }
    for name, argv in SETUP.items():
        try:
            done = subprocess.run(
                argv,
                capture_output=True,
                text=True,
                timeout=5,
                check=False,
                stdin=subprocess.DEVNULL,
            )
        except (OSError, subprocess.SubprocessError):
            continue
        sections[name] = done.stdout
    return network_state.state(time.time(), key, sections)


class LocalReader:
    """Reads everything once. `notes` collects plain sentences about what this user may not read."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._netlink = True

    def sample(self, key: str) -> CounterSample:
        values, missing = _proc_values(_FROM_PROC)
        values.update(_proc_values(tuple(procfs.SLOW_FILES))[0])
        values.update(interface_values())
        values.update(cpu_values())
        values.update(self._conntrack())
        netns = str(Path("/proc/self/ns/net").stat().st_ino)
        return CounterSample(
            at=time.time(),
            target=key,
            clock=time.monotonic(),
            netns=netns,
            values=values,
            missing=tuple(missing),
        )

    def _conntrack(self) -> procfs.Values:
        if self._netlink:
            try:
                return conntrack_statistics()
            except Exception as error:  # pyroute2 raises its own and the kernel's kinds
                self._netlink = False
                who = "only root may ask the kernel" if os.getuid() else sanitize(error, 80)
                self.notes.append(
                    f"Conntrack statistics are read from /proc instead of netlink: {who}."
                )
        return _proc_values(("/proc/net/stat/nf_conntrack",))[0]

    def sockets(self, key: str) -> SocketSnapshot:
        return SocketSnapshot(time.time(), key, inet_diag.dump(), "netlink")

    def facts(self) -> Iterator[str]:
        """Links with their MTU, and default routes: what a person would look up first."""
        with IPRoute() as route:
            links = {link["index"]: link for link in route.get_links()}
            yield from (_link_fact(link) for link in links.values() if _is_up(link))
            for entry in route.get_default_routes():
                yield _route_fact(entry, links.get(entry.get_attr("RTA_OIF")))


def _is_up(link: Any) -> bool:
    return bool(link.get_attr("IFLA_OPERSTATE") == "UP")


def _link_name(link: Any) -> str:
    return sanitize(link.get_attr("IFLA_IFNAME"), 32)


def _link_fact(link: Any) -> str:
    return f"link {_link_name(link)}: MTU {link.get_attr('IFLA_MTU')}, up"


def _route_fact(entry: Any, device: Any) -> str:
    gateway = sanitize(entry.get_attr("RTA_GATEWAY") or "link", 64)
    return f"default route via {gateway} on {_link_name(device) if device else '?'}"


async def watch(session: Stream, where: Target) -> None:
    """Publish this machine's evidence, for ever."""
    counting = asyncio.create_task(packet_filters.follow(LocalRunner(), session, where.key))
    try:
        await _watch(session, where.key)
    finally:
        counting.cancel()


async def _watch(session: Stream, key: str) -> None:
    reader, tick = LocalReader(), 0
    for fact in await asyncio.to_thread(lambda: list(reader.facts())):
        session.publish(Notice(time.time(), key, fact))
    while True:
        began = time.monotonic()
        for read in _due(reader, tick):
            session.publish(await asyncio.to_thread(read, key))
        if tick == 0:
            session.publish(TargetState(time.time(), key, "live"))
        for sentence in reader.notes:
            session.publish(Notice(time.time(), key, sentence))
        reader.notes.clear()
        tick += 1
        await asyncio.sleep(max(0.0, INTERVAL_S - (time.monotonic() - began)))


def _due(reader: LocalReader, tick: int) -> Iterator[Callable[[str], Event]]:
    """What is read at this tick, in order."""
    yield reader.sample
    if tick % SETUP_EVERY == 0:
        yield network
    if tick % SOCKETS_EVERY == 0:
        yield reader.sockets
