"""A flood of UDP to a port on which nothing listens keeps a node's CPUs busy.

Facts: docs/reference/counters.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Evidence, Finding
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules._cpu import softirq_shares, softirq_text
from diagnosis.snapshot import Snapshot, TargetView, listed

FLOOD = Threshold("from", 2_000, "datagrams per second to closed ports", CONVENTION)
NO_PORTS = ("UdpNoPorts", "Udp6NoPorts")
RULE = Rule(
    id="udp_flood",
    title="A flood of UDP to a port on which nothing listens keeps CPUs busy",
    scope="node",
    stage="cause",
    inputs=(*NO_PORTS, "CPU"),
    symptoms=("slow", "nodes", "load"),
    screen="node",
    thresholds=(FLOOD,),
    false_friends=("UdpNoPorts does not increase",),
    severity="critical",
    confidence="certain",
    fix="tcpdump -ni any -c 20 'icmp[icmptype] == icmp-unreach or icmp6[0] == 1'  # these ICMP "
    "errors go to the sender",
    fix_kind="shell",
    verify="UdpNoPorts no longer increases",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for node in snapshot.hosts:
        rate = node.rate(*NO_PORTS)
        if rate < FLOOD.value:
            continue
        yield _finding(node, rate)


def explains_finding(snapshot: Snapshot, finding: Finding, other: Finding) -> bool:
    """That datagrams to that node are answered by ICMP errors."""
    if other.rule != "udp_refused":
        return False
    ends = (talk.end for talk in snapshot.conversations if talk.udp_errors)
    nodes = {snapshot.node_at(end[0]) for end in ends if snapshot.subject(*end) == other.subject}
    return finding.subject.name in nodes


def _finding(node: TargetView, rate: float) -> Finding:
    return RULE.finding(
        subject=node.subject,
        title=f"A flood of UDP to a port on which nothing listens: {rate:,.0f} datagrams a "
        "second keep CPUs busy",
        evidence=_evidence(node),
    )


def _evidence(node: TargetView) -> Iterator[Evidence]:
    busy = listed(softirq_text(softirq_shares(node)))
    if busy:
        yield node.fact(busy, "/proc/stat")
    yield from node.moved(*NO_PORTS, source="/proc/net/snmp, snmp6")
