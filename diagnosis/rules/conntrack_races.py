"""Packets of one socket race each other into the conntrack table.

Facts: docs/reference/failures.md #2, #3.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Finding
from diagnosis.rule import CONVENTION
from diagnosis.snapshot import Snapshot

FULL = 0.9  # above that share, drops tell of a full table
RESOLVED = 1.0  # a second: fewer are everywhere
LOST = 3  # in a window


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for node in snapshot.hosts:
        fill = node.values.get("conntrack_count", 0) / (node.values.get("conntrack_max") or 1)
        lost = node.delta("conntrack_insert_failed")
        if lost >= LOST and fill < FULL:
            evidence = [node.counter("conntrack_insert_failed"), node.counter("conntrack_drop")]
            late = next(
                (t.lookups.late for t in snapshot.targets if t.lookups and t.lookups.late), 0
            )
            if late:
                evidence.append(
                    node.fact(f"{late} DNS answers came a resolver's timeout (5 s) late", "capture")
                )
            yield Finding(
                rule="conntrack_races",
                severity="warning",
                subject=node.subject,
                title="Packets are lost to races in conntrack: DNS answers 5 s late, or SNAT ports taken twice",
                evidence=tuple(evidence),
                threshold=f"insert_failed rising at a fill below 90 %; {LOST} in 15 s is {CONVENTION}",
                confidence="likely",
                disproof="insert_failed stands still, or the DNS server itself is as slow when asked directly",
                fix="NodeLocal DNSCache (no translation, no race); or dnsConfig options single-request-reopen; for SNAT "
                "masquerade with --random-fully",
                fix_kind="text",
                verify="conntrack -S: insert_failed stands still under the same load",
                screen="counters",
            )
        elif node.rate("conntrack_clash_resolve") >= RESOLVED:
            yield Finding(
                rule="conntrack_races",
                severity="info",
                subject=node.subject,
                title="Packets of one UDP socket race into conntrack; the kernel resolves it and loses none",
                evidence=(
                    node.counter("conntrack_clash_resolve"),
                    node.counter("conntrack_insert_failed"),
                ),
                threshold=f"{RESOLVED:g}/s is {CONVENTION}",
                confidence="certain",
                disproof="insert_failed or drop rise as well: then packets are lost",
                fix="Nothing needs to be done; on kernels before 5.7 use NodeLocal DNSCache",
                fix_kind="text",
                verify="",
                screen="counters",
            )
