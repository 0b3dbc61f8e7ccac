"""One CPU is busy with packets while others are not.

Facts: docs/reference/counters.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Finding
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules._cpu import softirq_shares, softirq_text
from diagnosis.rules.udp_flood import FLOOD, NO_PORTS
from diagnosis.snapshot import Snapshot, TargetView, listed

SOFTIRQ = Threshold("from", 50, "% of one CPU in softirq", CONVENTION)
IDLER = 3  # times less on another CPU, a convention
RULE = Rule(
    id="softirq",
    title="A CPU is busy with packets while others are not",
    scope="node",
    stage="cause",
    inputs=("CPU", *NO_PORTS),
    symptoms=("slow", "nodes", "load"),
    screen="node",
    criterion="and another CPU has less than a third of that; without a flood of UDP, which is a "
    "finding of its own",
    thresholds=(SOFTIRQ,),
    false_friends=("all CPUs are equally busy",),
    confidence="possible",
    fix="Spread the work: RSS queues (ethtool -L), RPS (/sys/class/net/*/queues/rx-*/rps_cpus); "
    "find the flow that is so large",
    verify="no CPU above the threshold",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for node in snapshot.hosts:
        shares = softirq_shares(node)
        if _busy(shares) and _is_uneven(shares) and not _is_flooded(node):
            yield _finding(node, shares)


def _is_flooded(node: TargetView) -> bool:
    return node.rate(*NO_PORTS) >= FLOOD.value


def _busy(shares: dict[str, float]) -> list[str]:
    return sorted(number for number, share in shares.items() if share >= SOFTIRQ.value)


def _is_uneven(shares: dict[str, float]) -> bool:
    """Where all CPUs are as busy, or there is only one, there is nothing to spread."""
    return IDLER * min(shares.values()) < max(shares.values())


def _finding(node: TargetView, shares: dict[str, float]) -> Finding:
    return RULE.finding(
        subject=node.subject,
        title=f"CPU {', '.join(_busy(shares))} is busy with packets while others are not",
        evidence=(node.fact(listed(softirq_text(shares)), "/proc/stat"),),
    )
