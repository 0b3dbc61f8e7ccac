"""The neighbour table of a node overflows.

Facts: docs/reference/counters.md, docs/reference/failures.md #21.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Finding
from diagnosis.rule import CONVENTION
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
            rule="neighbour_table",
            severity="critical" if full else "warning",
            subject=node.subject,
            title="The neighbour table overflows: addresses are forgotten and packets dropped"
            if full
            else f"The neighbour table is {share:.0f} % full",
            evidence=(
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
            threshold=f"table_fulls at all; {WARN} % is {CONVENTION}",
            confidence="certain" if full else "likely",
            disproof="table_fulls stands still",
            fix="# /etc/sysctl.d/99-k8s-networking.conf; of the node: the table is one for all namespaces\n"
            f"net.ipv4.neigh.default.gc_thresh1 = {size // 4}\nnet.ipv4.neigh.default.gc_thresh2 = {size // 2}\n"
            f"net.ipv4.neigh.default.gc_thresh3 = {size}\n",
            fix_kind="sysctl",
            verify="dmesg tells no 'neighbor table overflow' any more",
            screen="node",
        )
