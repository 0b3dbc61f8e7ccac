"""This machine as a target: netlink through pyroute2, interfaces and CPU through psutil, the rest
from /proc.

Without root conntrack statistics come from /proc, and capture is for those who may; each limit is
reported once, in plain words. Everything that reads the kernel runs in a thread.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
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
from collectors.kernel import filter_rules, network_state, packet_filters, procfs
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
_INTERFACE = {
    "rx_bytes": "bytes_recv",
    "rx_packets": "packets_recv",
    "rx_errs": "errin",
    "rx_drop": "dropin",
    "tx_bytes": "bytes_sent",
    "tx_packets": "packets_sent",
    "tx_errs": "errout",
    "tx_drop": "dropout",
}
_CPU_TIMES = {
    "cpu_idle": ("idle", "iowait"),
    "cpu_softirq": ("softirq",),
    "cpu_steal": ("steal",),
    "cpu_total": ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"),
}
_PARSERS = procfs.FILES | procfs.SLOW_FILES


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text()
    except OSError:
        return None


def _proc_values(paths: Iterable[str]) -> tuple[procfs.Values, list[str]]:
    """The values of those files, and the files that could not be read."""
    texts = {path: _read(path) for path in paths}
    values: procfs.Values = {}
    for path, text in texts.items():
        if text is not None:
            values.update(_PARSERS[path](text))
    return values, [path for path, text in texts.items() if text is None]


def conntrack_statistics() -> procfs.Values:
    """Per-CPU conntrack statistics over netlink, summed. PermissionError or OSError where not
    allowed."""
    cpus = _statistics_of_cpus()
    if not cpus:
        return {}
    return {f"conntrack_{ours}": _sum(cpus, theirs) for ours, theirs in _CONNTRACK.items()}


def _statistics_of_cpus() -> list[Any]:
    with NFCTSocket() as netlink:
        return list(netlink.stat())


def _sum(messages: list[Any], attribute: str) -> int:
    return sum(int(message.get_attr(attribute) or 0) for message in messages)


def interface_values() -> procfs.Values:
    """dev/IFACE/FIELD; the loopback is left out."""
    values: procfs.Values = {}
    for name, counted in psutil.net_io_counters(pernic=True).items():
        if name != "lo":
            values.update(_interface(f"dev/{sanitize(name, 32)}/", counted))
    return values


def _interface(prefix: str, counted: Any) -> procfs.Values:
    return {prefix + ours: getattr(counted, theirs) for ours, theirs in _INTERFACE.items()}


def cpu_values() -> procfs.Values:
    """CPU time in hundredths of a second, as the ticks of /proc/stat."""
    each = procfs.cpu(_read("/proc/stat") or "")
    return _all_cpus() | {name: value for name, value in each.items() if name.startswith("cpu/")}


def _all_cpus() -> procfs.Values:
    times = psutil.cpu_times()._asdict()
    sums = {ours: sum(times[kind] for kind in kinds) for ours, kinds in _CPU_TIMES.items()}
    return {ours: int(seconds * 100) for ours, seconds in sums.items()}


SETUP = {
    "ip addr": ("ip", "-s", "-d", "-j", "addr"),
    "ip route": ("ip", "-j", "route", "show", "table", "all"),
    "ip neigh": ("ip", "-6", "-j", "neigh"),
    "ip fdb": ("bridge", "-j", "fdb"),
}


def network(key: str) -> NetworkState:
    """How this machine's namespace is set up; what no tool prints is left out."""
    sections = {
        "arp": _read("/proc/net/arp") or "",
        "resolv": _read("/etc/resolv.conf") or "",
        "kernel": os.uname().release,
    }
    printed = {name: _printed(argv) for name, argv in SETUP.items()}
    return network_state.state(time.time(), key, sections | printed)


def _printed(argv: tuple[str, ...]) -> str:
    """What a tool prints; '' where it cannot be run."""
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=5, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout


class LocalReader:
    """Reads everything once. `notes` collects plain sentences about what this user may not read."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._netlink = True

    def sample(self, key: str) -> CounterSample:
        values, missing = _proc_values(_FROM_PROC)
        return CounterSample(
            at=time.time(),
            target=key,
            clock=time.monotonic(),
            netns=str(Path("/proc/self/ns/net").stat().st_ino),
            values=values | self._other_values(),
            missing=tuple(missing),
        )

    def _other_values(self) -> procfs.Values:
        settings, _ = _proc_values(procfs.SLOW_FILES)
        return settings | interface_values() | cpu_values() | self._conntrack()

    def _conntrack(self) -> procfs.Values:
        if self._netlink:
            try:
                return conntrack_statistics()
            except Exception as error:  # pyroute2 raises its own and the kernel's kinds
                self._netlink = False
                self.notes.append(_without_netlink(error))
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


def _without_netlink(error: Exception) -> str:
    why = "only root may ask the kernel" if os.getuid() else sanitize(error, 80)
    return f"Conntrack statistics are read from /proc instead of netlink: {why}."


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
    followed = (module.follow for module in (packet_filters, filter_rules))
    counting = [asyncio.create_task(one(LocalRunner(), session, where.key)) for one in followed]
    try:
        await _watch(session, where.key)
    finally:
        for task in counting:
            task.cancel()
        await asyncio.gather(*counting, return_exceptions=True)  # their programs end with them


async def _watch(session: Stream, key: str) -> None:
    reader = LocalReader()
    facts = await asyncio.to_thread(lambda: list(reader.facts()))
    _notify(session, key, facts)
    for tick in itertools.count():
        began = time.monotonic()
        await _publish_due(session, reader, key, tick)
        await asyncio.sleep(max(0.0, INTERVAL_S - (time.monotonic() - began)))


async def _publish_due(session: Stream, reader: LocalReader, key: str, tick: int) -> None:
    for read in _due(reader, tick):
        session.publish(await asyncio.to_thread(read, key))
    if tick == 0:
        session.publish(TargetState(time.time(), key, "live"))
    _notify(session, key, reader.notes)
    reader.notes.clear()


def _notify(session: Stream, key: str, sentences: list[str]) -> None:
    for sentence in sentences:
        session.publish(Notice(time.time(), key, sentence))


def _due(reader: LocalReader, tick: int) -> Iterator[Callable[[str], Event]]:
    """What is read at this tick, in order."""
    yield reader.sample
    if tick % SETUP_EVERY == 0:
        yield network
    if tick % SOCKETS_EVERY == 0:
        yield reader.sockets
