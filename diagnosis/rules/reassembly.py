"""Fragments arrive that cannot be reassembled.

Facts: docs/reference/counters.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Finding
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.snapshot import Snapshot, TargetView

LEAST = Threshold("at least", 10, "IpReasmFails in 15 s", CONVENTION)
RULE = Rule(
    id="reassembly",
    title="Fragments arrive that cannot be reassembled: some are lost",
    scope="pod or node",
    stage="symptom",
    inputs=("IpReasmFails",),
    symptoms=("large", "timeout"),
    screen="counters",
    thresholds=(LEAST,),
    false_friends=("overlapping fragments are dropped on purpose, as those of a scan",),
    confidence="possible",
    fix="Avoid fragments: an MTU that fits the path (docs/reference/mtu.md); let fragments pass "
    "firewalls",
    verify="IpReasmFails stands still",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for host in snapshot.counted:
        if host.delta("IpReasmFails") < LEAST.value:
            continue
        yield _finding(host)


def _finding(host: TargetView) -> Finding:
    return RULE.finding(
        subject=host.subject,
        evidence=(host.counter("IpReasmFails", "/proc/net/snmp"),),
    )
