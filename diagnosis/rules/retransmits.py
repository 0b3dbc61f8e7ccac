"""Segments are resent: loss on the path between pods.

Facts: docs/reference/counters.md, docs/reference/sockets.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Finding
from collectors.kernel.deltas import Share
from collectors.kernel.derived_figures import RETRANSMIT_SHARE
from diagnosis.rule import CONVENTION
from diagnosis.snapshot import Snapshot, listed

WARN, BAD = 1.0, 5.0  # per cent of data segments
LEAST_RETRANSMITTED, LEAST_SENT = 5, 100  # fewer in a window say nothing


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for target in snapshot.of_kind("pod", "local"):
        share = RETRANSMIT_SHARE.share(target.deltas)
        if share is None or share.part < LEAST_RETRANSMITTED or share.whole < LEAST_SENT:
            continue
        if (share.percent or 0) < WARN:
            continue
        worst = sorted((c for c in target.conversations if c.resent), key=lambda c: -c.resent)
        to = listed(f"{snapshot.workload(c.server)} ({c.resent} of {c.segments})" for c in worst)
        zones = {snapshot.name(c.server) for c in worst}
        timeouts, fast = target.delta("TcpExtTCPTimeouts"), target.delta("TcpExtTCPFastRetrans")
        kind = (
            "heavy: most are timeouts"
            if timeouts > fast
            else "light: most are fast retransmissions"
        )
        yield Finding(
            rule="retransmits",
            severity="warning",
            subject=target.subject,
            title=_title(share),
            evidence=(
                target.counter("TcpRetransSegs", "/proc/net/snmp"),
                target.counter("TcpExtTCPOrigDataSent", "/proc/net/netstat"),
                target.fact(
                    f"{timeouts} timeouts, {fast} fast retransmissions: {kind}", "/proc/net/netstat"
                ),
                *([target.fact(f"most with {to}", "capture")] if to else []),
            ),
            threshold=f"{WARN:g} and {BAD:g} % are {CONVENTION}",
            confidence="likely" if len(zones) > 1 else "possible",
            disproof="TCPSpuriousRtxHostQueues rises (this host's own queue), or all loss is with one peer (that peer's node)",
            fix="Look for the place: capture on both nodes; a segment that leaves one NIC and does not reach the other is "
            "lost between them. Compare NIC drops (7 node) and ask who owns the underlay",
            fix_kind="text",
            verify="the share falls below 1 %",
            screen="graphs",
        )


def _title(share: Share) -> str:
    if share.exceeds:
        return (
            f"{share.part:,} segments are retransmitted beside {share.whole:,} new ones: "
            "packets are lost"
        )
    return f"{share.percent:.1f} % of data segments are retransmitted: packets are lost"
