"""CPUs drop packets because their backlog is full.

Facts: docs/reference/counters.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Finding
from diagnosis.rule import Rule, Threshold
from diagnosis.snapshot import Snapshot, TargetView

LEAST = Threshold("from", 1, "packet dropped in 15 s", "softnet_stat: each is a lost packet")
FIX = """# /etc/sysctl.d/99-k8s-networking.conf
# a longer queue for each CPU
net.core.netdev_max_backlog = 5000
"""
LIMITED = "softnet_flow_limit"
FLOW_FIX = (
    "Which flow is so large (t)? Spread the others over more CPUs (RPS), or end the limit: "
    "net.core.flow_limit_cpu_bitmap = 0 (Documentation/networking/scaling.rst)"
)
RULE = Rule(
    id="softnet_drops",
    title="CPUs drop packets: their backlog is full",
    scope="node",
    stage="cause",
    inputs=("softnet_dropped", LIMITED),
    symptoms=("slow", "load"),
    screen="node",
    thresholds=(LEAST,),
    false_friends=("flow_limit_count rises: RPS drops the largest flow on purpose",),
    confidence="certain",
    fix=FIX,
    fix_kind="sysctl",
    verify="dropped no longer increases; spread interrupts (RSS, RPS) if one CPU has them all",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for node in snapshot.hosts:
        if node.delta("softnet_dropped") >= LEAST.value:
            yield _finding(node)


def _finding(node: TargetView) -> Finding:
    evidence = tuple(node.moved("softnet_dropped", LIMITED, source="/proc/net/softnet_stat"))
    if 2 * node.delta(LIMITED) <= node.delta("softnet_dropped"):
        return RULE.finding(subject=node.subject, evidence=evidence)
    return RULE.finding(
        subject=node.subject,
        title="CPUs drop packets of the largest flows: a flow limit is set",
        evidence=evidence,
        fix=FLOW_FIX,
        fix_kind="text",
    )
