"""Connections get no answer, and where their packets are lost.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Evidence, Finding
from diagnosis.loss_location import LossLocation, LossReport, loss_report, place
from diagnosis.path_groups import node_text, path_views, translated
from diagnosis.paths import End, added
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules._connections import (
    LEAST,
    by_server,
    node_of_unused,
    seen,
    unanswered,
)
from diagnosis.rules._probers import SCANNED, not_of_scanners
from diagnosis.snapshot import Conversation, Snapshot, TargetView

SHARE = Threshold("from", 20, "unanswered for 100 answered", CONVENTION)
RULE = Rule(
    id="unanswered",
    title="SYNs are not answered: they are dropped on the path, or the server's queue is full",
    scope="connection",
    stage="symptom",
    inputs=("capture", "Services", "pods", "nodes"),
    symptoms=("connect", "timeout"),
    screen="flows",
    thresholds=(LEAST, SHARE, SCANNED),
    false_friends=("the SYN is answered at the server's pod and the answer is lost",),
    confidence="possible",
    verify="the connection is made",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    servers = by_server(snapshot, unanswered)
    for (server, port), all_talks in servers.items():
        talks = not_of_scanners(snapshot, all_talks)
        if sum(map(unanswered, talks)) < LEAST.value:
            continue
        silent, answered = sum(map(unanswered, talks)), sum(talk.answered for talk in talks)
        if 100 * silent < SHARE.value * answered or node_of_unused(snapshot, server, port):
            continue
        if node := _not_ready(snapshot, server):
            yield _at_node(snapshot, server, port, node, talks)
            continue
        counts = f"{silent} connections without an answer, {answered} answered"
        known = seen(snapshot, talks, counts)
        lost = place(snapshot, server, port)
        if lost is None and (view := _stops_at(snapshot, (server, port))):
            yield _stopped(snapshot, view, (server, port), known)
        elif lost is None:
            yield _somewhere(snapshot, server, port, known)
        else:
            yield _placed(snapshot, lost, server, port, known)


def explains_finding(snapshot: Snapshot, finding: Finding, other: Finding) -> bool:
    """That a Service does not answer because an endpoint does not."""
    if other.rule != RULE.id:
        return False
    ends = {talk.end for talk in snapshot.conversations}
    own = {end for end in ends if snapshot.subject(*end) == finding.subject}
    asked = (end for end in ends if snapshot.subject(*end) == other.subject)
    return any(_is_behind(snapshot, end, own) for end in asked)


def _is_behind(snapshot: Snapshot, asked: End, ends: set[End]) -> bool:
    if not translated(snapshot, asked).isdisjoint(ends):
        return True
    service = snapshot.service_by_address.get(asked[0])
    ready = snapshot.endpoints(service)[0] if service is not None else []
    return any(address in ready for address, _ in ends)


def _not_ready(snapshot: Snapshot, server: str) -> str:
    """The server's node where its kubelet does not report: switched off, or cut off; '' for any
    other."""
    node = snapshot.node_at(server)
    return next((row.name for row in snapshot.nodes if row.name == node and not row.ready), "")


def _at_node(
    snapshot: Snapshot, server: str, port: int, node: str, talks: list[Conversation]
) -> Finding:
    counts = f"{sum(map(unanswered, talks))} connections without an answer"
    return RULE.finding(
        subject=snapshot.subject(server, port),
        title=f"SYNs are not answered: {node}, where they go, is not ready",
        evidence=(
            seen(snapshot, talks, counts),
            snapshot.fact(f"{node} is not ready", "nodes"),
        ),
        confidence="likely",
        disproof=f"other pods of {node} answer",
        fix=f"kubectl describe node {node}  # does the machine run, and its kubelet reach the API "
        "server? One that is gone for good: kubectl delete node, its pods start elsewhere",
        fix_kind="shell",
    )


def _stops_at(snapshot: Snapshot, asked: End) -> TargetView | None:
    """A machine that all SYNs came into and none left: nothing is known of the address."""
    if any(row.name == "cilium" for row in snapshot.settings):
        return None
    for view in path_views(snapshot):
        sent = added(row for row in view.paths if row.asked_end == asked).to_server
        if sent.entered.syn >= LEAST.value and not sent.left.syn:
            return view
    return None


def _stopped(snapshot: Snapshot, view: TargetView, asked: End, known: Evidence) -> Finding:
    node, (server, port) = node_text(view), asked
    return RULE.finding(
        subject=snapshot.subject(server, port),
        title=f"SYNs come into {node} and do not leave it: it drops them, or {server} is an "
        "address of its own, and nothing there answers",
        evidence=(known,),
        disproof="eBPF hands packets on where a capture does not see them",
        fix=f"# on {node}: the rule that drops it, or the listener\n"
        "iptables-save -c | grep DROP; nft list ruleset | grep -n drop\n"
        f"ip route get {server}; ss -lnt 'sport = {port}'",
        fix_kind="shell",
    )


def _somewhere(snapshot: Snapshot, server: str, port: int, known: Evidence) -> Finding:
    return RULE.finding(
        subject=snapshot.subject(server, port),
        evidence=(known,),
        fix="Open the nodes of both ends and capture there (c): podwire shows which of them "
        "drops it. At the server's pod: a SYN that arrives there is dropped there (accept queue, "
        "a policy for ingress)",
    )


def _placed(
    snapshot: Snapshot, lost: LossLocation, server: str, port: int, known: Evidence
) -> Finding:
    report = loss_report(lost, server)
    return RULE.finding(
        subject=snapshot.subject(server, port),
        title=report.title,
        evidence=_placed_evidence(lost, known, report),
        confidence="possible" if lost.what == "delivered" else "likely",
        disproof="eBPF hands packets on where a capture does not see them",
        fix=report.fix,
        fix_kind="shell",
    )


def _placed_evidence(lost: LossLocation, known: Evidence, report: LossReport) -> Iterator[Evidence]:
    yield known
    yield lost.view.fact(report.figure, "capture, both sides of the node")
