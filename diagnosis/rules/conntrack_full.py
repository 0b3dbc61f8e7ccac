"""The conntrack table of a node fills up, or is full.

Facts: docs/reference/conntrack.md, docs/reference/failures.md #1.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Evidence, Finding
from diagnosis.snapshot import Snapshot, TargetView, listed

WARN, BAD, FULL = (
    75,
    90,
    95,
)  # per cent: node_exporter mixin, node-problem-detector, the kernel's own early dropping
PER_ENTRY = 320  # bytes


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for node in snapshot.hosts:
        count, limit = node.values.get("conntrack_count"), node.values.get("conntrack_max")
        if count is None or not limit:
            continue
        fill = 100 * count / limit
        dropped, evicted = node.delta("conntrack_drop"), node.delta("conntrack_early_drop")
        if fill >= WARN:
            yield _finding(snapshot, node, count, limit, fill, dropped, evicted)


def _finding(
    snapshot: Snapshot,
    node: TargetView,
    count: int,
    limit: int,
    fill: float,
    dropped: int,
    evicted: int,
) -> Finding:
    lost = dropped > 0 and fill >= FULL
    title = f"The conntrack table is {'full: new connections are dropped' if lost else f'{fill:.0f} % full'}"
    evidence = [
        node.fact(
            f"{count:,} of {limit:,} entries ({fill:.1f} %)", "nf_conntrack_count, nf_conntrack_max"
        )
    ]
    if dropped:
        evidence.append(node.counter("conntrack_drop", "/proc/net/stat/nf_conntrack"))
    if evicted:
        evidence.append(node.counter("conntrack_early_drop", "/proc/net/stat/nf_conntrack"))
    evidence += _talkers(snapshot, node)
    return Finding(
        rule="conntrack_full",
        severity="critical" if lost or fill >= BAD else "warning",
        subject=node.subject,
        title=title,
        evidence=tuple(evidence),
        threshold="75 % node_exporter mixin, 90 % node-problem-detector, 95 % the kernel begins to evict",
        confidence="certain" if lost else "likely",
        disproof="drop stays flat, or pods of nodes with a low fill fail in the same way",
        fix=_sysctl(count, limit),
        fix_kind="sysctl",
        verify="conntrack -C; the fill falls below 75 % and conntrack -S drop stands still",
        screen="conntrack",
    )


def _talkers(snapshot: Snapshot, node: TargetView) -> list[Evidence]:
    if node.conntrack is None or not node.conntrack.groups:
        return []
    largest = sorted(node.conntrack.groups, key=lambda g: -g.count)[:3]
    told = listed(
        f"{g.count:,} {g.protocol} {g.state} {snapshot.name(g.source)} → {snapshot.name(g.destination)}:{g.port}"
        for g in largest
    )
    return [
        Evidence(
            f"most entries: {told}",
            node.conntrack.source,
            node.conntrack.at,
            f"{node.scope} {node.name}",
        )
    ]


def _sysctl(count: int, limit: int) -> str:
    """Twice what is in use, a power of two, at least twice the limit; buckets a quarter of it, as kube-proxy has it."""
    size = 1 << max(limit * 2 - 1, count * 2 - 1).bit_length()
    megabytes = size * PER_ENTRY >> 20
    return (
        f"# /etc/sysctl.d/99-k8s-networking.conf; about {megabytes:,} MiB when full\n"
        f"# twice what is in use; kube-proxy may set its own: conntrack.maxPerCore\n"
        f"net.netfilter.nf_conntrack_max = {size}\n"
        f"# max / 4, so that chains stay short\n"
        f"net.netfilter.nf_conntrack_buckets = {size // 4}\n"
        f"# a day instead of five for idle connections, as kube-proxy does\n"
        f"net.netfilter.nf_conntrack_tcp_timeout_established = 86400\n"
    )
