"""DNS answers are truncated and retried over TCP.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Finding
from diagnosis.lookups import DnsSummary
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules._dns import QUESTIONS, SOURCE, asking, share
from diagnosis.snapshot import Snapshot, TargetView

SHARE = Threshold("from", 5, "% of answers truncated", CONVENTION)
LEAST = Threshold("at least", 3, "truncated answers in 15 s", CONVENTION)
RULE = Rule(
    id="dns_truncated",
    title="DNS answers are truncated and retried over TCP",
    scope="pod or node",
    stage="advice",
    inputs=("DNS",),
    symptoms=("name", "slow"),
    screen="dns",
    thresholds=(SHARE, LEAST, QUESTIONS),
    false_friends=("the client asks for large answers on purpose (ANY, DNSSEC)",),
    severity="info",
    confidence="certain",
    fix="Let TCP port 53 pass in every policy; EDNS buffer sizes",
    verify="dig NAME in the pod shows no 'Truncated, retrying in TCP mode'",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for target, lookups in asking(snapshot):
        if _are_many(lookups):
            yield _finding(target, lookups)


def _are_many(lookups: DnsSummary) -> bool:
    truncated = lookups.truncated
    return truncated >= LEAST.value and share(truncated, lookups.answered or 1) >= SHARE.value


def _finding(target: TargetView, lookups: DnsSummary) -> Finding:
    text = f"{lookups.truncated} of {lookups.answered} answers have TC set"
    return RULE.finding(
        subject=target.subject,
        evidence=(target.fact(text, SOURCE),),
    )
