"""Packets of one socket race each other into the conntrack table.

Facts: docs/reference/conntrack.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Evidence, Finding
from collectors.kernel.derived_figures import CONNTRACK_FILL
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.snapshot import Snapshot, TargetView

FAILED = Threshold("at least", 3, "insert_failed in 15 s", CONVENTION)
NOT_FULL = Threshold("below", 90, "% of the table: above, a full table explains them", CONVENTION)
RESOLVED = Threshold("info from", 1, "clash_resolve per second", CONVENTION)
RULE = Rule(
    id="conntrack_races",
    title="Packets of one socket race into conntrack: some are lost, DNS answers come 5 s late",
    scope="node",
    stage="cause",
    inputs=(
        "conntrack_insert_failed",
        "conntrack_chaintoolong",
        "conntrack_clash_resolve",
        "conntrack_drop",
        "DNS",
    ),
    symptoms=("name", "slow", "load"),
    screen="counters",
    thresholds=(FAILED, NOT_FULL, RESOLVED),
    false_friends=(
        "insert_failed does not increase",
        "the DNS server itself is as slow when it is asked directly",
    ),
)
CLASH = "conntrack_clash_resolve"
INSERT_FAILED = "conntrack_insert_failed"
TOO_LONG = "conntrack_chaintoolong"  # nf_conntrack_core.c, __nf_conntrack_confirm


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for node in snapshot.hosts:
        if node.delta(INSERT_FAILED) >= FAILED.value and _has_room(node):
            yield _lost(snapshot, node) if _are_races(node) else _chains(node)
        elif node.rate(CLASH) >= RESOLVED.value:
            yield _resolved(node)


def _are_races(node: TargetView) -> bool:
    """What is dropped because its hash chain is too long counts as insert_failed as well."""
    return 2 * node.delta(TOO_LONG) < node.delta(INSERT_FAILED)


def _chains(node: TargetView) -> Finding:
    count, limit = node.values.get("conntrack_count", 0), node.values.get("conntrack_max", 0)
    buckets = max(limit, 4 * count) // 4
    return RULE.finding(
        subject=node.subject,
        title="Packets are lost because chains of the conntrack table are too long: it has too few "
        "buckets, or one client opens connections that collide",
        evidence=_chain_evidence(node),
        disproof="chaintoolong does not increase",
        fix=f"# /etc/sysctl.d/99-k8s-networking.conf\n# max / 4, so that chains stay short\n"
        f"net.netfilter.nf_conntrack_buckets = {1 << (buckets - 1).bit_length()}",
        fix_kind="sysctl",
        verify="conntrack -S: chaintoolong no longer increases",
    )


def _chain_evidence(node: TargetView) -> Iterator[Evidence]:
    yield node.counter(TOO_LONG)
    yield node.counter(INSERT_FAILED)
    count, limit = node.values.get("conntrack_count", 0), node.values.get("conntrack_max", 0)
    buckets = node.sysctl("net.netfilter.nf_conntrack_buckets")
    known = f", {buckets:,} buckets" if buckets else ""
    yield node.fact(f"{count:,} of {limit:,} entries{known}", "sysctl")


def _has_room(node: TargetView) -> bool:
    """Whether the table is not full; no where its size is not known."""
    fill = CONNTRACK_FILL.share(node.values)
    percent = fill.percent if fill is not None else 0.0
    return percent is not None and percent < NOT_FULL.value


def _lost(snapshot: Snapshot, node: TargetView) -> Finding:
    return RULE.finding(
        subject=node.subject,
        title="Packets are lost to races in conntrack: DNS answers 5 s late, or SNAT ports used "
        "twice",
        evidence=_lost_evidence(snapshot, node),
        fix="NodeLocal DNSCache (no translation, no race); or dnsConfig option "
        "single-request-reopen; for SNAT: masquerade with --random-fully",
        verify="conntrack -S: insert_failed no longer increases under the same load",
    )


def _lost_evidence(snapshot: Snapshot, node: TargetView) -> Iterator[Evidence]:
    yield node.counter(INSERT_FAILED)
    yield node.counter("conntrack_drop")
    yield from _late_answers(snapshot, node)


def _late_answers(snapshot: Snapshot, node: TargetView) -> Iterator[Evidence]:
    late = max((view.lookups.late for view in snapshot.targets if view.lookups), default=0)
    if late:
        yield node.fact(f"{late} DNS answers came a resolver's timeout (5 s) late", "capture")


def _resolved(node: TargetView) -> Finding:
    return RULE.finding(
        subject=node.subject,
        severity="info",
        title="Packets of one UDP socket race into conntrack; the kernel resolves it and loses "
        "none",
        evidence=_resolved_evidence(node),
        confidence="certain",
        disproof="insert_failed or drop rise as well: packets are lost",
        fix="Nothing needs to be done; on kernels before 5.7 use NodeLocal DNSCache",
        verify="conntrack -S: insert_failed and drop no longer increase",
    )


def _resolved_evidence(node: TargetView) -> Iterator[Evidence]:
    yield node.counter(CLASH)
    yield node.counter(INSERT_FAILED)
