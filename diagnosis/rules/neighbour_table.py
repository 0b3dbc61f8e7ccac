"""The neighbour table of a node overflows.

Facts: docs/reference/counters.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from collectors.events import NeighbourRow
from collectors.findings import Evidence, Finding
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules._packet_filters import kernel_version
from diagnosis.snapshot import Snapshot, TargetView

WARNING = Threshold("warning from", 90, "% of gc_thresh3", CONVENTION)
FULLS = Threshold("critical from", 1, "table_fulls", "arp(7): the entry could not be made")
LEAST_SIZE = 4096  # a convention; the kernel's default of gc_thresh3 is 1024
RULE = Rule(
    id="neighbour_table",
    title="The neighbour table overflows: entries are dropped, and packets with them",
    scope="node",
    stage="cause",
    inputs=("arp_entries", "arp_table_fulls", "sysctls"),
    symptoms=("connect", "timeout", "load"),
    screen="node",
    thresholds=(WARNING, FULLS),
    false_friends=("table_fulls does not increase", "most entries are permanent"),
    fix_kind="sysctl",
    verify="dmesg reports no further 'neighbor table overflow'",
)
LIMIT = "net.ipv4.neigh.default.gc_thresh3"
EXEMPT_KERNEL = (5, 0)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for node in snapshot.hosts:
        if _overflows(node) or _fill(node) >= WARNING.value:
            yield _finding(node)


def _overflows(node: TargetView) -> bool:
    return node.delta("arp_table_fulls") >= FULLS.value


def _fill(node: TargetView) -> float:
    """Per cent of the table; 0 where its size is not known."""
    limit = node.sysctl(LIMIT)
    return 100 * _counted(node) / limit if limit else 0.0


def _counted(node: TargetView) -> int:
    return counted(node.values.get("arp_entries", 0), node.neighbours, node.kernel)


def counted(entries: int, neighbours: Iterable[NeighbourRow], kernel: str) -> int:
    """Entries that count against the limit. Permanent ones, which CNIs write for other nodes, do
    not since Linux 5.0 (net/core/neighbour.c, neigh_alloc: exempt_from_gc)."""
    if (0, 0) < kernel_version(kernel) < EXEMPT_KERNEL:
        return entries
    return max(0, entries - sum(row.permanent for row in neighbours))


def _finding(node: TargetView) -> Finding:
    full = _overflows(node)
    return RULE.finding(
        subject=node.subject,
        severity="critical" if full else "warning",
        title=RULE.title if full else f"The neighbour table is {_fill(node):.0f} % full",
        evidence=_evidence(node),
        confidence="certain" if full else "likely",
        fix=_sysctl(max(LEAST_SIZE, 4 * (node.sysctl(LIMIT) or 1024))),
    )


def _evidence(node: TargetView) -> Iterator[Evidence]:
    if limit := node.sysctl(LIMIT):
        text = f"{_counted(node)} entries that may be dropped, of {limit} (gc_thresh3)"
        yield node.fact(text, "/proc/net/stat/arp_cache, sysctl")
    yield node.counter("arp_table_fulls", "/proc/net/stat/arp_cache")


def _sysctl(size: int) -> str:
    return (
        "# /etc/sysctl.d/99-k8s-networking.conf; on the node: the table is one for all namespaces\n"
        f"net.ipv4.neigh.default.gc_thresh1 = {size // 4}\n"
        f"net.ipv4.neigh.default.gc_thresh2 = {size // 2}\n"
        f"net.ipv4.neigh.default.gc_thresh3 = {size}\n"
    )
