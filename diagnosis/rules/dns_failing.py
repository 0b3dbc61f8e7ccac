"""The DNS server is reached, and answers with failures.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Evidence, Finding, Severity
from diagnosis.lookups import DnsSummary
from diagnosis.rule import CONVENTION, Rule, Threshold, level
from diagnosis.rules._agents import dns_pod_selector
from diagnosis.rules._dns import (
    QUESTIONS,
    SOURCE,
    DnsServerFindings,
    Sight,
    asking,
    fix_outside,
    servers,
    share,
)
from diagnosis.snapshot import Snapshot, TargetView

WARNING = Threshold("warning from", 1, "% SERVFAIL and REFUSED of answers", "coredns-mixin")
CRITICAL = Threshold("critical from", 3, "%", "coredns-mixin")
LEAST = Threshold(
    "at least", 5, "of them: a resolver asks for one broken name several times", CONVENTION
)
RULE = Rule(
    id="dns_failing",
    title="The DNS server is reached and answers with failures",
    scope="pod or node",
    stage="symptom",
    inputs=("DNS",),
    symptoms=("name",),
    screen="dns",
    thresholds=(WARNING, CRITICAL, LEAST, QUESTIONS),
    false_friends=("answers come from elsewhere than the cluster's DNS server",),
    confidence="certain",
    fix_kind="shell",
)

FIX = "kubectl logs {pods} --tail 50  # its upstream, or its access to the API server"
FINE = ("NOERROR", "NXDOMAIN")
OLD = "FORMERR"  # of servers without EDNS: the resolver asks again without it (RFC 6891, 7)


def _seen(snapshot: Snapshot) -> Iterator[Sight]:
    for target, lookups in asking(snapshot):
        severity = level(_failed_share(lookups), WARNING, CRITICAL)
        count = sum(_failed(lookups).values())
        if severity and count >= LEAST.value:
            yield Sight(target, count, _finding(snapshot, target, lookups, severity))


_findings = DnsServerFindings(RULE, _seen)
evaluate, explains_finding = _findings.evaluate, _findings.explains_finding


def _finding(
    snapshot: Snapshot, target: TargetView, lookups: DnsSummary, severity: Severity
) -> Finding:
    return RULE.finding(
        subject=target.subject,
        severity=severity,
        title=f"The DNS server is reached and answers {', '.join(_failed(lookups))}",
        evidence=_evidence(snapshot, target, lookups),
        fix=fix_outside(snapshot, lookups) or FIX.format(pods=dns_pod_selector(snapshot)),
        verify="dig +short NAME answers in the pod",
    )


def _failed(lookups: DnsSummary) -> dict[str, int]:
    """Answers by their code, of the codes that are failures of the server; of FORMERR those that no
    other answer can have followed."""
    fine = sum(lookups.codes.get(code, 0) for code in FINE)
    failed = {code: count for code, count in lookups.codes.items() if code not in FINE}
    if OLD in failed:
        failed[OLD] -= fine
    return {code: count for code, count in failed.items() if count > 0}


def _failed_share(lookups: DnsSummary) -> float:
    return share(sum(_failed(lookups).values()), lookups.answered)


def _counts(lookups: DnsSummary) -> str:
    counts = ", ".join(f"{count} {code}" for code, count in _failed(lookups).items())
    return f"{counts} of {lookups.answered} answers ({_failed_share(lookups):.0f} %)"


def _evidence(snapshot: Snapshot, target: TargetView, lookups: DnsSummary) -> Iterator[Evidence]:
    yield target.fact(_counts(lookups), SOURCE)
    yield target.fact(servers(snapshot, lookups), SOURCE)
