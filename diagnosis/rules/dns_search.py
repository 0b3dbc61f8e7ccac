"""Search domains multiply DNS questions.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Evidence, Finding
from diagnosis.lookups import DnsSummary
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules._dns import (
    QUESTIONS,
    SOURCE,
    DnsServerFindings,
    Sight,
    asking,
    share,
)
from diagnosis.snapshot import Snapshot, TargetView, listed

MISSING = Threshold(
    "from", 50, "% NXDOMAIN of answers; with ndots:5 about three in four are", CONVENTION
)
FLOOD = Threshold("from", 150, "NXDOMAIN per second at one vantage point", CONVENTION)
FIX = """# of the pods that ask for names outside of the cluster
spec:
  dnsConfig:
    options:
      - name: ndots
        value: "2"
# or write such names with a dot at the end; NodeLocal DNSCache carries part of the load
"""
RULE = Rule(
    id="dns_search",
    title="Most DNS answers are NXDOMAIN: search domains are tried before the name itself",
    scope="pod or node",
    stage="cause",
    inputs=("DNS", "resolv.conf"),
    symptoms=("name", "slow", "load"),
    screen="dns",
    thresholds=(MISSING, FLOOD, QUESTIONS),
    false_friends=("one query per lookup on the wire",),
    confidence="certain",
    fix=FIX,
    fix_kind="yaml",
    verify="the share of NXDOMAIN in answers falls below the threshold",
)


def _seen(snapshot: Snapshot) -> Iterator[Sight]:
    for target, lookups in asking(snapshot):
        if _is_flood(lookups) and lookups.searched >= QUESTIONS.value:
            yield Sight(target, _missing(lookups), _finding(target, lookups))


_findings = DnsServerFindings(RULE, _seen)
evaluate, explains_finding = _findings.evaluate, _findings.explains_finding


def _missing(lookups: DnsSummary) -> int:
    return lookups.codes.get("NXDOMAIN", 0)


def _missing_share(lookups: DnsSummary) -> float:
    return share(_missing(lookups), lookups.answered)


def _rate(lookups: DnsSummary) -> float:
    """NXDOMAIN a second."""
    return _missing(lookups) / lookups.seconds if lookups.seconds > 1 else 0.0


def _is_flood(lookups: DnsSummary) -> bool:
    return _missing_share(lookups) >= MISSING.value and _rate(lookups) >= FLOOD.value


def _finding(target: TargetView, lookups: DnsSummary) -> Finding:
    return RULE.finding(
        subject=target.subject,
        title=f"{_missing_share(lookups):.0f} % of DNS answers are NXDOMAIN: search domains "
        "are tried before the name itself",
        evidence=_evidence(target, lookups),
    )


def _evidence(target: TargetView, lookups: DnsSummary) -> Iterator[Evidence]:
    searched = f"{lookups.searched} names were asked for after two search domains or more"
    ndots = target.network.ndots if target.network else 0
    yield target.fact(_counts(lookups), SOURCE)
    yield target.fact(searched, SOURCE)
    yield target.fact(f"most: {listed(lookups.names)}", SOURCE)
    if ndots:
        yield target.fact(f"ndots:{ndots}", "/etc/resolv.conf")


def _counts(lookups: DnsSummary) -> str:
    missing, answered = _missing(lookups), lookups.answered
    others = f"{missing} NXDOMAIN to {answered - missing} others in {answered} answers"
    return f"{others}, {_rate(lookups):.0f}/s"
