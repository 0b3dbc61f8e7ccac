"""The hypervisor keeps CPU time from a node.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Finding
from diagnosis.rule import Rule, Threshold
from diagnosis.rules._cpu import cpu_share
from diagnosis.snapshot import Snapshot, TargetView

WARNING = Threshold("from", 10, "% of CPU time", "awesome-prometheus-alerts, _data/rules.yml:220")
RULE = Rule(
    id="cpu_steal",
    title="The hypervisor withholds CPU time from the node",
    scope="node",
    stage="cause",
    inputs=("CPU",),
    symptoms=("slow", "nodes", "load"),
    screen="node",
    thresholds=(WARNING,),
    false_friends=("steal is the same on healthy nodes",),
    confidence="certain",
    fix="Another instance type (not burstable), or another host",
    verify="steal below 5 %",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for node in snapshot.hosts:
        steal = cpu_share(node, "cpu_", "steal")
        if steal < WARNING.value:
            continue
        yield _finding(node, steal)


def _finding(node: TargetView, steal: float) -> Finding:
    text = f"steal {steal:.1f} % over {node.seconds:.0f} s"
    return RULE.finding(
        subject=node.subject,
        title=f"The hypervisor withholds {steal:.0f} % of the CPU time",
        evidence=(node.fact(text, "/proc/stat"),),
    )
