"""Fragments arrive that cannot be reassembled.

Facts: docs/reference/counters.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Finding
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.snapshot import Snapshot, TargetView

COUNTERS = ("IpReasmFails", "Ip6ReasmFails")
LEAST = Threshold("at least", 10, "of both families in 15 s", CONVENTION)
RULE = Rule(
    id="reassembly",
    title="Fragments arrive that cannot be reassembled: some are lost",
    scope="pod or node",
    stage="symptom",
    inputs=COUNTERS,
    symptoms=("large", "timeout"),
    screen="counters",
    thresholds=(LEAST,),
    false_friends=("overlapping fragments are dropped on purpose, as those of a scan",),
    confidence="possible",
    fix="Avoid fragments: an MTU that fits the path (docs/reference/mtu.md); let fragments pass "
    "firewalls",
    verify="IpReasmFails and Ip6ReasmFails no longer increase",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for host in snapshot.counted:
        if host.delta(*COUNTERS) < LEAST.value:
            continue
        yield _finding(host)


def _finding(host: TargetView) -> Finding:
    return RULE.finding(
        subject=host.subject,
        evidence=host.moved(*COUNTERS, source="/proc/net/snmp, snmp6"),
    )
