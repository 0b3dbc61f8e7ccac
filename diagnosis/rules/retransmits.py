"""Segments are retransmitted: loss on the path between pods.

Facts: docs/reference/counters.md, docs/reference/sockets.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from collectors.findings import Evidence, Finding, Severity
from collectors.kernel.deltas import Share
from collectors.kernel.derived_figures import RETRANSMIT_SHARE
from diagnosis.by_key import by_key
from diagnosis.loss_shares import LossShare
from diagnosis.one_interface import EndLoss, end_losses
from diagnosis.paths import End
from diagnosis.rule import CONVENTION, Rule, Threshold, level
from diagnosis.snapshot import Snapshot, TargetView, listed

WARNING = Threshold("warning from", 1, "% of data segments", CONVENTION)
CRITICAL = Threshold("critical from", 5, "%", CONVENTION)
LEAST_RETRANSMITTED = Threshold("at least", 5, "segments retransmitted in 15 s", CONVENTION)
MANY_SENT = Threshold("of", 100, "sent or more", CONVENTION)
# One segment that nobody acknowledges is retransmitted 7 times in 15 s: a tail loss probe, and
# after 0.2, 0.6, 1.4, 3, 6.2 and 12.6 s (RFC 6298: the RTO doubles; Linux: from 0.2 s). 10 of fewer
# than 100 are more than 5 % for certain (95 %, Wilson).
LEAST_OF_FEWER = Threshold("of fewer sent at least", 10, "retransmitted", CONVENTION)
IN_VAIN = Threshold("needless where the peers had at least", 90, "% of them", CONVENTION)
DSACK = "TcpExtTCPDSACKRecv"
PERIOD = "of the connections that were used in the last 15 s, since they began"
IN_VAIN_TEXT = "the peers had them already; packets overtake each other, or answers come late"
IN_VAIN_DISPROOF = "all of it is with one peer (a slow receiver, that peer's node)"
IN_VAIN_FIX = (
    "Capture here and at a peer (c): segments that come in another order have several paths ("
    "bonds, ECMP by packet); answers later than the RTO wait in a queue, or for a busy receiver"
)
CAPTURED_FIX = (
    "Capture on the nodes of both ends (tcpdump -i any), and look at both at once: podwire check "
    "--from node/NAME=FILE says where they come in and do not go out"
)
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
        DSACK,
        "capture",
    ),
    symptoms=("slow", "large", "load", "connect", "timeout"),
    screen="graphs",
    thresholds=(WARNING, CRITICAL, LEAST_RETRANSMITTED, MANY_SENT, LEAST_OF_FEWER, IN_VAIN),
    false_friends=(
        "TCPSpuriousRtxHostQueues rises (this host's own queue)",
        "all loss is with one peer (that peer's node)",
        "TCPDSACKRecv rises as much: the peer had it, nothing was lost",
    ),
    fix="Find the place: capture on both nodes; a segment that leaves one NIC and does not reach "
    "the other is lost between them. Compare NIC drops (7 node) and ask the owner of the "
    "underlay",
    verify="the share falls below the threshold",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for target in snapshot.of_kind("pod", "local"):
        share = RETRANSMIT_SHARE.share(target.deltas)
        severity = _severity(share) if share is not None else None
        if share is not None and severity is not None:
            yield _finding(snapshot, target, share, severity)
    for losses in by_key(end_losses(snapshot), lambda loss: loss.view.key).values():
        yield _captured(snapshot, losses)


def explains_finding(snapshot: Snapshot, finding: Finding, other: Finding) -> bool:
    """What is late, or gets no answer, at ends that a capture alone sees lose packets."""
    return other.rule in ("slow_server", "unanswered") and any(
        other.subject == snapshot.subject(*end) for end in captured_ends(snapshot, finding)
    )


def captured_ends(snapshot: Snapshot, finding: Finding) -> set[End]:
    """Of a finding of a capture alone: the ends that it sees lose packets."""
    return {loss.end for loss in end_losses(snapshot) if loss.view.subject == finding.subject}


def _captured(snapshot: Snapshot, losses: list[EndLoss]) -> Finding:
    """Of a capture alone, which has no counters."""
    total = LossShare(0, 0)
    for loss in losses:
        total += loss.share
    ends = listed(f"{snapshot.name(loss.end[0])}:{loss.end[1]}" for loss in losses)
    worst = max(max(loss.share.low, loss.opening.low) for loss in losses)
    return RULE.finding(
        subject=losses[0].view.subject,
        severity=level(worst, WARNING, CRITICAL) or "warning",
        title=f"{total.percent:.1f} % of segments to and from {ends} are retransmitted: "
        "packets are lost",
        evidence=tuple(map(partial(_of_end, snapshot), losses)),
        confidence="possible",
        fix=CAPTURED_FIX,
    )


def _of_end(snapshot: Snapshot, loss: EndLoss) -> Evidence:
    there, back = loss.row.to_server.retransmitted, loss.row.to_client.retransmitted
    return loss.view.fact(
        f"{snapshot.name(loss.end[0])}:{loss.end[1]}: {loss.share.lost:,} of {loss.share.total:,} "
        f"SYNs, FINs and data segments, of them data: {there.data:,} to it, {back.data:,} from it; "
        f"{loss.opening.lost:,} of "
        f"{loss.opening.total:,} first SYNs without an answer; clients: "
        f"{listed(map(snapshot.workload, loss.clients))}",
        "capture",
    )


def _severity(share: Share) -> Severity | None:
    """None below the thresholds, or of too few segments to say anything. Loss itself lets
    connections send few."""
    is_of_many = share.whole >= MANY_SENT.value
    if share.part < (LEAST_RETRANSMITTED if is_of_many else LEAST_OF_FEWER).value:
        return None
    return level(100 if share.exceeds else share.percent or 0, WARNING, CRITICAL)


def _finding(snapshot: Snapshot, target: TargetView, share: Share, severity: Severity) -> Finding:
    is_in_vain = _is_in_vain(target, share)
    return RULE.finding(
        subject=target.subject,
        severity=severity,
        title=_title(share, is_in_vain=is_in_vain),
        disproof=IN_VAIN_DISPROOF if is_in_vain else "",
        fix=IN_VAIN_FIX if is_in_vain else "",
        evidence=_evidence(snapshot, target, share),
        confidence="likely" if len(_by_peer(target, snapshot.name)) > 1 else "possible",
    )


def _is_in_vain(target: TargetView, share: Share) -> bool:
    """Whether the peers say of nearly all that they had it already (DSACK, RFC 2883)."""
    return 100 * target.delta(DSACK) >= IN_VAIN.value * share.part


def _title(share: Share, *, is_in_vain: bool) -> str:
    why = IN_VAIN_TEXT if is_in_vain else "packets are lost"
    if share.exceeds:
        return f"{share.part:,} segments are retransmitted beside {share.whole:,} new ones: {why}"
    return f"{share.percent:.1f} % of data segments are retransmitted: {why}"


def _evidence(snapshot: Snapshot, target: TargetView, share: Share) -> Iterator[Evidence]:
    yield target.counter("TcpRetransSegs", "/proc/net/snmp")
    yield target.counter("TcpExtTCPSynRetrans", "/proc/net/netstat")
    yield target.counter("TcpExtTCPOrigDataSent", "/proc/net/netstat")
    yield target.fact(_formula(target, share), "/proc/net/snmp, /proc/net/netstat")
    yield from target.moved(DSACK, source="/proc/net/netstat")
    yield target.fact(_kinds(target), "/proc/net/netstat")
    if peers := _by_peer(target, snapshot.workload):
        yield target.fact(f"most with {_worst(peers)}; {PERIOD}", "capture")


def _formula(target: TargetView, share: Share) -> str:
    """How the figure of the title is made of the counters."""
    whole, syns = target.delta("TcpRetransSegs"), target.delta("TcpExtTCPSynRetrans")
    figure = f"{share.part:,} beside" if share.exceeds else f"{share.percent:.1f} % of"
    return (
        f"{whole:,} retransmitted less {syns:,} SYNs and SYN-ACKs = {share.part:,} with data; "
        f"{figure} {share.whole:,} sent for the first time"
    )


def _kinds(target: TargetView) -> str:
    timeouts, fast = target.delta("TcpExtTCPTimeouts"), target.delta("TcpExtTCPFastRetrans")
    data = timeouts - target.delta("TcpExtTCPSynRetrans")
    text = f"{timeouts:,} timeouts, those of SYNs included, {fast:,} fast retransmissions"
    if data > fast:
        return f"{text}: mostly nothing came back for a whole RTO"
    return f"{text}: mostly what was sent later did arrive" if fast > data else text


def _by_peer(target: TargetView, named: Callable[[str], str]) -> dict[str, LossShare]:
    """Retransmitted of all segments, by the name of the other end, the worst first."""
    found: dict[str, LossShare] = {}
    for talk in target.conversations:
        if talk.retransmitted:
            name = named(talk.client if talk.server in target.addresses else talk.server)
            share = LossShare(talk.retransmitted, talk.segments)
            found[name] = found.get(name, LossShare(0, 0)) + share
    return dict(sorted(found.items(), key=lambda item: -item[1].lost))


def _worst(peers: Mapping[str, LossShare]) -> str:
    counts = ((name, f"{share.lost:,} of {share.total:,}") for name, share in peers.items())
    return listed(f"{name} ({count} segments)" for name, count in counts)
