"""Round trips against the budget that the user has set.

Facts: docs/reference/sockets.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from statistics import median

from collectors.findings import Evidence, Finding
from diagnosis.rule import Rule
from diagnosis.snapshot import Snapshot, TargetView

RULE = Rule(
    id="latency",
    title="Round trips are longer than the budget",
    scope="pod",
    stage="symptom",
    inputs=("sockets", "pods"),
    symptoms=("slow",),
    screen="sockets",
    criterion="the median round trip to a workload against the budget that was set",
    false_friends=("minrtt is as small as ever: queues",),
    confidence="certain",
    fix="Nearer replicas (trafficDistribution: PreferSameZone), or a path that is not longer "
    "than it must be",
    verify="the median is within the budget",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    budget = snapshot.budget_ms
    if budget is None:
        return
    for target in snapshot.of_kind("pod"):
        rtts: dict[str, list[float]] = defaultdict(list)
        for row in target.sockets:
            if row.state == "ESTAB" and row.rtt is not None:
                rtts[snapshot.workload(row.peer)].append(row.rtt)
        for name, found in rtts.items():
            if median(found) > budget:
                yield _finding(target, name, found, budget)


def _finding(target: TargetView, name: str, rtts: list[float], budget: float) -> Finding:
    middle = f"{median(rtts):.1f} ms"
    return RULE.finding(
        subject=replace(target.subject, detail=f"→ {name}"),
        title=f"A round trip is {middle}; the budget is {budget:g} ms",
        evidence=_evidence(target, rtts, middle),
    )


def _evidence(target: TargetView, rtts: list[float], middle: str) -> Iterator[Evidence]:
    text = f"median RTT of {len(rtts)} connections {middle}"
    yield target.fact(text, "ss")
