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
        codes = lookups.codes.items()
        failed = {code: n for code, n in codes if code not in ("NOERROR", "NXDOMAIN")}
        failing = share(sum(failed.values()), lookups.answered)
        severity = level(failing, WARNING, CRITICAL)
        if severity is None:
            continue
        yield RULE.finding(
            subject=target.subject,
            severity=severity,
            title=f"The DNS server is reached and answers {', '.join(failed)}",
            evidence=_evidence(snapshot, target, failed, failing, lookups),
        )


def _evidence(
    snapshot: Snapshot,
    target: TargetView,
    failed: dict[str, int],
    failing: float,
    lookups: DnsSummary,
) -> Iterator[Evidence]:
    counts = ", ".join(f"{count} {code}" for code, count in failed.items())
    text = f"{counts} of {lookups.answered} answers ({failing:.0f} %)"
    yield target.fact(text, SOURCE)
    yield target.fact(servers(snapshot, lookups), SOURCE)
