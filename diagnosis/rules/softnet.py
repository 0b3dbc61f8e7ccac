"""CPUs exhaust their packet budget (net.core.netdev_budget, netdev_budget_usecs): NET_RX softirq
stops while packets still wait.

Facts: docs/reference/counters.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Evidence, Finding
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.snapshot import Snapshot, TargetView

SQUEEZED = Threshold("from", 20, "time_squeeze per second", CONVENTION)
FIX = """# /etc/sysctl.d/99-k8s-networking.conf
# more packets per round
net.core.netdev_budget = 600
net.core.netdev_budget_usecs = 8000
"""
RULE = Rule(
    id="softnet",
    title="CPUs run out of their packet budget",
    scope="node",
    stage="cause",
    inputs=("softnet_time_squeeze", "softnet_dropped"),
    symptoms=("slow", "load"),
    screen="node",
    thresholds=(SQUEEZED,),
    false_friends=("no drops, and no latency at the same time",),
    fix=FIX,
    fix_kind="sysctl",
    verify="time_squeeze no longer increases",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for node in snapshot.hosts:
        squeezed = node.rate("softnet_time_squeeze")
        if squeezed < SQUEEZED.value:
            continue
        yield _finding(node, squeezed)


def _finding(node: TargetView, squeezed: float) -> Finding:
    return RULE.finding(
        subject=node.subject,
        severity="warning" if node.delta("softnet_dropped") else "info",
        title=f"CPUs run out of their packet budget {squeezed:.0f} times a second",
        evidence=_evidence(node),
    )


def _evidence(node: TargetView) -> Iterator[Evidence]:
    yield node.counter("softnet_time_squeeze", "/proc/net/softnet_stat")
    yield node.counter("softnet_dropped", "/proc/net/softnet_stat")
