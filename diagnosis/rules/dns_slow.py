"""DNS answers late.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Evidence, Finding, Severity
from diagnosis.lookups import DnsSummary
from diagnosis.loss_shares import LossShare
from diagnosis.rule import CONVENTION, Rule, Threshold, level
from diagnosis.rules._agents import dns_pod_selector
from diagnosis.rules._dns import (
    QUESTIONS,
    SOURCE,
    DnsServerFindings,
    Sight,
    asking,
    fix_outside,
    is_dns_server,
    servers,
)
from diagnosis.snapshot import Snapshot, TargetView

WARNING = Threshold("warning from", 100, "ms median; in a cluster a few ms are usual", CONVENTION)
CRITICAL = Threshold("critical from", 1000, "ms", CONVENTION)
TARDY = Threshold("or from", 5, "% of answers, after 1 s and more", CONVENTION)
LEAST = Threshold("which are at least", 5, "in 15 s", CONVENTION)
RULE = Rule(
    id="dns_slow",
    title="DNS answers late: every new connection by name waits for it",
    scope="pod or node",
    stage="symptom",
    inputs=("DNS",),
    symptoms=("name", "slow", "load"),
    screen="dns",
    thresholds=(WARNING, CRITICAL, TARDY, LEAST, QUESTIONS),
    false_friends=("round trips of TCP to the server's pod are as slow: that is the path",),
    fix_kind="shell",
    verify="the median falls to a few ms",
)

FIX = "kubectl top pod {pods}  # CPU limit, replicas, health of its upstream; NodeLocal DNSCache"


def _seen(snapshot: Snapshot) -> Iterator[Sight]:
    for target, lookups in asking(snapshot):
        severity = level(lookups.median_ms or 0.0, WARNING, CRITICAL)
        if severity is None and _are_tardy(lookups):
            severity = "warning"
        if severity and lookups.answered >= QUESTIONS.value and not is_dns_server(snapshot, target):
            finding = _finding(snapshot, target, lookups, severity)
            yield Sight(target, lookups.answered, finding)


_findings = DnsServerFindings(RULE, _seen)
evaluate, explains_finding = _findings.evaluate, _findings.explains_finding


def _are_tardy(lookups: DnsSummary) -> bool:
    """Whether a share is late, and the median is not."""
    share = LossShare(lookups.tardy, lookups.answered)
    return share.lost >= LEAST.value and share.low >= TARDY.value


def _finding(
    snapshot: Snapshot, target: TargetView, lookups: DnsSummary, severity: Severity
) -> Finding:
    title = (
        f"DNS answers arrive after {lookups.median_ms:,.0f} ms: every new connection by name "
        "waits for them"
    )
    if (lookups.median_ms or 0.0) < WARNING.value:
        share = LossShare(lookups.tardy, lookups.answered)
        title = f"{share.text} of DNS answers arrive after 1 s or later, and the others are quick"
    return RULE.finding(
        subject=target.subject,
        severity=severity,
        title=title,
        evidence=_evidence(snapshot, target, lookups),
        fix=fix_outside(snapshot, lookups) or FIX.format(pods=dns_pod_selector(snapshot)),
    )


def _evidence(snapshot: Snapshot, target: TargetView, lookups: DnsSummary) -> Iterator[Evidence]:
    yield target.fact(f"median of {lookups.answered} answers {lookups.median_ms:,.0f} ms", SOURCE)
    if lookups.tardy:
        yield target.fact(f"{lookups.tardy} of them came after 1 s or later", SOURCE)
    yield target.fact(servers(snapshot, lookups), SOURCE)
