"""Segments are retransmitted: loss on the path between pods.

Facts: docs/reference/counters.md, docs/reference/sockets.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Evidence, Finding, Severity
from collectors.kernel.deltas import Share
from collectors.kernel.derived_figures import RETRANSMIT_SHARE
from diagnosis.rule import CONVENTION, Rule, Threshold, level
from diagnosis.snapshot import Conversation, Snapshot, TargetView, listed

WARNING = Threshold("warning from", 1, "% of data segments", CONVENTION)
CRITICAL = Threshold("critical from", 5, "%", CONVENTION)
LEAST_RETRANSMITTED = Threshold("at least", 5, "segments retransmitted in 15 s", CONVENTION)
LEAST_SENT = Threshold("of", 100, "sent or more", CONVENTION)
RULE = Rule(
    id="retransmits",
    title="Data segments are retransmitted: packets are lost",
    scope="pod",
    stage="symptom",
    inputs=(
        "TcpRetransSegs",
        "TcpExtTCPSynRetrans",
        "TcpExtTCPOrigDataSent",
        "TcpExtTCPTimeouts",
        "TcpExtTCPFastRetrans",
        "capture",
    ),
    symptoms=("slow", "large", "load", "connect", "timeout"),
    screen="graphs",
    thresholds=(WARNING, CRITICAL, LEAST_RETRANSMITTED, LEAST_SENT),
    false_friends=(
        "TCPSpuriousRtxHostQueues rises (this host's own queue)",
        "all loss is with one peer (that peer's node)",
    ),
    fix="Find the place: capture on both nodes; a segment that leaves one NIC and does not reach "
    "the other is lost between them. Compare NIC drops (7 node) and ask the owner of the "
    "underlay",
    verify="the share falls below 1 %",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for target in snapshot.of_kind("pod", "local"):
        share = RETRANSMIT_SHARE.share(target.deltas)
        severity = _severity(share) if share is not None else None
        if share is not None and severity is not None:
            yield _finding(snapshot, target, share, severity)


def _severity(share: Share) -> Severity | None:
    """None below the thresholds, or of too few segments to say anything."""
    if share.part < LEAST_RETRANSMITTED.value or share.whole < LEAST_SENT.value:
        return None
    return level(share.percent or 0, WARNING, CRITICAL)


def _finding(snapshot: Snapshot, target: TargetView, share: Share, severity: Severity) -> Finding:
    talks = [talk for talk in target.conversations if talk.retransmitted]
    servers = {snapshot.name(talk.server) for talk in talks}
    return RULE.finding(
        subject=target.subject,
        severity=severity,
        title=_title(share),
        evidence=_evidence(snapshot, target, talks),
        confidence="likely" if len(servers) > 1 else "possible",
    )


def _title(share: Share) -> str:
    if share.exceeds:
        return (
            f"{share.part:,} segments are retransmitted beside {share.whole:,} new ones: "
            "packets are lost"
        )
    return f"{share.percent:.1f} % of data segments are retransmitted: packets are lost"


def _evidence(
    snapshot: Snapshot, target: TargetView, talks: list[Conversation]
) -> Iterator[Evidence]:
    yield target.counter("TcpRetransSegs", "/proc/net/snmp")
    yield target.counter("TcpExtTCPOrigDataSent", "/proc/net/netstat")
    yield target.fact(_kinds(target), "/proc/net/netstat")
    if talks:
        yield target.fact(f"most with {_peers(snapshot, talks)}", "capture")


def _kinds(target: TargetView) -> str:
    timeouts, fast = target.delta("TcpExtTCPTimeouts"), target.delta("TcpExtTCPFastRetrans")
    heavy, light = "heavy: most are timeouts", "light: most are fast retransmissions"
    return (
        f"{timeouts} timeouts, {fast} fast retransmissions: {heavy if timeouts > fast else light}"
    )


def _peers(snapshot: Snapshot, talks: list[Conversation]) -> str:
    """The worst first."""
    return listed(
        f"{snapshot.workload(talk.server)} ({talk.retransmitted} of {talk.segments})"
        for talk in sorted(talks, key=lambda talk: -talk.retransmitted)
    )
