"""Rules are in iptables-legacy and in iptables-nft at once.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.events import RuleCount
from collectors.findings import Evidence, Finding
from diagnosis.rule import Rule
from diagnosis.rules._packet_filters import IPTABLES, counts
from diagnosis.snapshot import Snapshot, TargetView

RULE = Rule(
    id="mixed_backends",
    title="Rules are in iptables-legacy and in iptables-nft: packets pass both, and each tool "
    "sees only its own",
    scope="node",
    stage="cause",
    inputs=("packet filter",),
    symptoms=("nodes", "connect", "timeout"),
    screen="node",
    criterion="one backend per node (node-problem-detector, iptables_mode.sh)",
    false_friends=("one of them holds only another program's own table on purpose",),
    fix="Find the program that writes with the other backend (iptables --version in kube-proxy, "
    "the CNI and Docker), make all use that of the node (update-alternatives --set iptables "
    "…; IPTABLES_BACKEND / FELIX_IPTABLESBACKEND), and restart the node: a flush drops its "
    "traffic",
    verify="iptables-legacy-save prints no rule",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for host in snapshot.hosts:
        found = _in_use(host)
        if len(found) > 1:
            yield _finding(host, found)


def _in_use(host: TargetView) -> list[RuleCount]:
    return [row for row in counts(host, *IPTABLES) if row.rules]


def _finding(host: TargetView, found: list[RuleCount]) -> Finding:
    both = all(row.services for row in found)
    return RULE.finding(
        subject=host.subject,
        severity="critical" if both else "warning",
        evidence=_evidence(host, found),
        confidence="certain" if both else "likely",
    )


def _evidence(host: TargetView, found: list[RuleCount]) -> Iterator[Evidence]:
    for row in found:
        yield host.fact(f"{row.rules:,} rules, {row.services:,} of Services", row.backend)
