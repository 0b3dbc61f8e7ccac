"""Answers come late while the path is quick: the server, not the network.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Evidence, Finding, Subject
from diagnosis.by_key import by_key
from diagnosis.path_groups import path_views
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules._connections import servers_behind
from diagnosis.rules._service_and_endpoints import is_explained
from diagnosis.slow_answers import SLOW_TIMES
from diagnosis.snapshot import Conversation, Snapshot, listed

LEAST = Threshold("at least", 3, "slow answers in 15 s", CONVENTION)
SHARE = Threshold("from", 5, "slow answers per 100 connections", CONVENTION)
QUICK_MS = Threshold("while a round trip is up to", 20, "ms", CONVENTION)
LOSSY = Threshold("and up to", 2, "% of segments are retransmitted", CONVENTION)
TIMES = Threshold(
    "an answer is slow from",
    SLOW_TIMES,
    "times the round trip and 100 ms, or 1 s",
    CONVENTION,
    fixed=True,
)
WAITED = Threshold("under another that it asks: above", 50, "% of the slowest answer", CONVENTION)
NOTICED_MS = 1_000  # a convention: less is a program's business, which a capture does not know
# kubernetes.io/docs/reference/networking/ports-and-protocols
DNS_PORT, API_PORT, KUBELET_PORT = 53, 6443, 10250
RULE = Rule(
    id="slow_server",
    title="Answers are late while the network is quick: the server is slow",
    scope="connection",
    stage="symptom",
    inputs=("capture",),
    symptoms=("slow", "nodes", "load", "timeout"),
    screen="flows",
    thresholds=(LEAST, SHARE, QUICK_MS, LOSSY, TIMES, WAITED),
    false_friends=(
        "round trips are as slow",
        "segments are retransmitted before each late answer",
        "it waits for another server that it asks",
        "long polls: answers come when something happens (a note where no pods are known)",
    ),
    fix="Is its CPU throttled (container_cpu_cfs_throttled_periods_total)? Raise the limit; else "
    "profile the program and what it asks in its turn",
    verify="answers come within milliseconds",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for subject, talks in _slow_by_server(snapshot).items():
        rtts = [talk.rtt_ms for talk in talks if talk.rtt_ms is not None]
        if rtts and min(rtts) <= QUICK_MS.value and _is_frequent(talks):
            yield _finding(snapshot, subject, talks, min(rtts))


def explains_finding(snapshot: Snapshot, finding: Finding, other: Finding) -> bool:
    """That a server is as slow which asks this one, and waits for it; the same at another address
    of this one."""
    if other.rule != RULE.id or other.subject == finding.subject:
        return False
    talks = _slow_by_server(snapshot)
    ends = {talk.end for of in talks.values() for talk in of}
    pair = finding.subject, other.subject
    if is_explained(snapshot, ends, snapshot.workload_subject, pair):
        return True
    own, theirs = talks.get(finding.subject, []), talks.get(other.subject, [])
    servers = {one for talk in theirs for one in servers_behind(snapshot, talk.server)}
    asked = [talk.slowest_ms for talk in own if talk.client in servers]
    slowest = max((talk.slowest_ms for talk in theirs), default=0.0)
    return 100 * max(asked, default=0.0) > WAITED.value * slowest > 0


def _slow_by_server(snapshot: Snapshot) -> dict[Subject, list[Conversation]]:
    slow = (talk for talk in snapshot.conversations if talk.slow)
    own = (talk for talk in slow if not _is_explained(snapshot, talk))
    return by_key(own, lambda talk: snapshot.workload_subject(*talk.end))


def _is_frequent(talks: list[Conversation]) -> bool:
    slow, flows = sum(talk.slow for talk in talks), sum(talk.flows for talk in talks)
    return slow >= LEAST.value and 100 * slow >= SHARE.value * flows


def _is_explained(snapshot: Snapshot, talk: Conversation) -> bool:
    """By a receiver that does not read, or by loss; DNS has rules of its own, and watches of the
    API server, logs and execs of a kubelet are answered whenever something happens."""
    if talk.port in (DNS_PORT, KUBELET_PORT) or _is_api_server(snapshot, talk):
        return True
    return _is_not_read(talk) or _is_lossy(talk)


def _is_api_server(snapshot: Snapshot, talk: Conversation) -> bool:
    """By its addresses; where nobody knows them, as of a capture alone, by its port, and what nodes
    translate to that."""
    if snapshot.api_server:
        return talk.server in snapshot.api_server
    rows = (row for view in path_views(snapshot) for row in view.paths)
    asked = {row.asked_end for row in rows if row.endpoint_port == API_PORT}
    return talk.port == API_PORT or talk.end in asked


def _is_lossy(talk: Conversation) -> bool:
    return 100 * talk.retransmitted > LOSSY.value * talk.segments


def _is_not_read(talk: Conversation) -> bool:
    return bool(talk.server_zero_windows or talk.client_zero_windows)


def _finding(
    snapshot: Snapshot, subject: Subject, talks: list[Conversation], rtt: float
) -> Finding:
    slowest, retransmitted = max(t.slowest_ms for t in talks), sum(t.retransmitted for t in talks)
    are_patient = all(talk.patient >= talk.slow for talk in talks)
    is_note = not snapshot.pods and (slowest < NOTICED_MS or are_patient)
    polls = ", or they are long polls, which wait for something to happen" if are_patient else ""
    return RULE.finding(
        subject=subject,
        severity="info" if is_note else None,
        title=f"Answers arrive after up to {slowest:,.0f} ms while a round trip is {rtt:.2f} ms: "
        f"the server is slow{polls}",
        evidence=_evidence(snapshot, talks, rtt, slowest, retransmitted),
    )


def _evidence(
    snapshot: Snapshot, talks: list[Conversation], rtt: float, slowest: float, retransmitted: int
) -> Iterator[Evidence]:
    slow, flows = sum(t.slow for t in talks), sum(t.flows for t in talks)
    nodes = sorted(_nodes_of_servers(snapshot, talks))
    where = f"; its pods that are slow run on {listed(nodes)}" if nodes else ""
    yield snapshot.fact(
        f"{slow} slow answers in {flows} connections, the slowest after {slowest:,.0f} ms{where}",
        "capture (last byte asked to first byte answered)",
    )
    yield snapshot.fact(
        f"a round trip is {rtt:.2f} ms, {retransmitted} segments retransmitted", "capture"
    )


def _nodes_of_servers(snapshot: Snapshot, talks: list[Conversation]) -> set[str]:
    pods = snapshot.by_address
    return {pods[talk.server].node for talk in talks if talk.server in pods}
