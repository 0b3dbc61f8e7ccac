"""The neighbour table of a node overflows.

Facts: docs/reference/counters.md, docs/reference/failures.md #21.
"""

from __future__ import annotations

from collections.abc import Iterator

from diagnosis.finding import CONVENTION, Finding
from diagnosis.snapshot import Snapshot

WARN = 90  # per cent


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for node in snapshot.hosts:
        limit = node.values.get("sysctl net.ipv4.neigh.default.gc_thresh3")
        entries, full = node.values.get("arp_entries"), node.delta("arp_table_fulls")
        share = 100 * entries / limit if entries is not None and limit else 0.0
        if not full and share < WARN:
            continue
        size = max(4096, 4 * (limit or 1024))
        yield Finding(
            "neighbour_table",
            "critical" if full else "warning",
            node.name,
            "The neighbour table overflows: addresses are forgotten and packets dropped"
            if full
            else f"The neighbour table is {share:.0f} % full",
            (
                *(
                    [
                        node.fact(
                            f"{entries} entries of {limit} (gc_thresh3)",
                            "/proc/net/stat/arp_cache, sysctl",
                        )
                    ]
                    if limit
                    else []
                ),
                node.counter("arp_table_fulls", "/proc/net/stat/arp_cache"),
            ),
            f"table_fulls at all; {WARN} % is {CONVENTION}",
            "certain" if full else "likely",
            "table_fulls stands still",
            "# /etc/sysctl.d/99-k8s-networking.conf; of the node: the table is one for all namespaces\n"
            f"net.ipv4.neigh.default.gc_thresh1 = {size // 4}\nnet.ipv4.neigh.default.gc_thresh2 = {size // 2}\n"
            f"net.ipv4.neigh.default.gc_thresh3 = {size}\n",
            "sysctl",
            "dmesg tells no 'neighbor table overflow' any more",
            "node",
        )
