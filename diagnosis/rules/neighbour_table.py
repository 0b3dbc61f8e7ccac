"""The neighbour table of a node overflows.

Facts: docs/reference/counters.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Evidence, Finding
from diagnosis.rule import CONVENTION, Rule, Threshold
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
    false_friends=("table_fulls stands still",),
    fix_kind="sysctl",
    verify="dmesg reports no further 'neighbor table overflow'",
)
LIMIT = "net.ipv4.neigh.default.gc_thresh3"


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for node in snapshot.hosts:
        limit, entries = node.sysctl(LIMIT), node.values.get("arp_entries")
        share = 100 * entries / limit if entries is not None and limit else 0.0
        full = node.delta("arp_table_fulls") >= FULLS.value
        if not full and share < WARNING.value:
            continue
        yield _finding(node, full, entries, limit, share)


def _finding(
    node: TargetView, full: bool, entries: int | None, limit: int | None, share: float
) -> Finding:
    return RULE.finding(
        subject=node.subject,
        severity="critical" if full else "warning",
        title=RULE.title if full else f"The neighbour table is {share:.0f} % full",
        evidence=_evidence(node, entries, limit),
        confidence="certain" if full else "likely",
        fix=_sysctl(max(LEAST_SIZE, 4 * (limit or 1024))),
    )


def _evidence(node: TargetView, entries: int | None, limit: int | None) -> tuple[Evidence, ...]:
    overflows = node.counter("arp_table_fulls", "/proc/net/stat/arp_cache")
    if not limit:
        return (overflows,)
    text = f"{entries} entries of {limit} (gc_thresh3)"
    return (node.fact(text, "/proc/net/stat/arp_cache, sysctl"), overflows)


def _sysctl(size: int) -> str:
    return (
        "# /etc/sysctl.d/99-k8s-networking.conf; on the node: the table is one for all namespaces\n"
        f"net.ipv4.neigh.default.gc_thresh1 = {size // 4}\n"
        f"net.ipv4.neigh.default.gc_thresh2 = {size // 2}\n"
        f"net.ipv4.neigh.default.gc_thresh3 = {size}\n"
    )
