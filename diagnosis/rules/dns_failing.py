"""The DNS server is reached, and answers with failures.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Evidence, Finding
from diagnosis.rule import Rule, Threshold, level
from diagnosis.rules._dns import QUESTIONS, SOURCE, asking, servers, share
from diagnosis.snapshot import DnsSummary, Snapshot, TargetView

WARNING = Threshold("warning from", 1, "% SERVFAIL and REFUSED of answers", "coredns-mixin")
CRITICAL = Threshold("critical from", 3, "%", "coredns-mixin")
RULE = Rule(
    id="dns_failing",
    title="The DNS server is reached and answers with failures",
    scope="pod or node",
    stage="symptom",
    inputs=("DNS",),
    symptoms=("name",),
    screen="dns",
    thresholds=(WARNING, CRITICAL, QUESTIONS),
    false_friends=("answers come from elsewhere than the cluster's DNS server",),
    confidence="certain",
    fix="kubectl -n kube-system logs -l k8s-app=kube-dns --tail 50  # its upstream, or its "
    "access to the API server",
    fix_kind="shell",
    verify="dig +short kubernetes.default.svc.cluster.local answers",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for target, lookups in asking(snapshot):
        if severity := level(_failed_share(lookups), WARNING, CRITICAL):
            yield RULE.finding(
                subject=target.subject,
                severity=severity,
                title=f"The DNS server is reached and answers {', '.join(_failed(lookups))}",
                evidence=_evidence(snapshot, target, lookups),
            )


def _failed(lookups: DnsSummary) -> dict[str, int]:
    """Answers by their code, of the codes that are failures of the server."""
    codes = lookups.codes.items()
    return {code: count for code, count in codes if code not in ("NOERROR", "NXDOMAIN")}


def _failed_share(lookups: DnsSummary) -> float:
    return share(sum(_failed(lookups).values()), lookups.answered)


def _counts(lookups: DnsSummary) -> str:
    counts = ", ".join(f"{count} {code}" for code, count in _failed(lookups).items())
    return f"{counts} of {lookups.answered} answers ({_failed_share(lookups):.0f} %)"


def _evidence(snapshot: Snapshot, target: TargetView, lookups: DnsSummary) -> Iterator[Evidence]:
    yield target.fact(_counts(lookups), SOURCE)
    yield target.fact(servers(snapshot, lookups), SOURCE)
