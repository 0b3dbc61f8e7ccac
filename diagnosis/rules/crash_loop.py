"""A pod restarts because of what it needs from the network.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from collectors.events import PodRow
from collectors.findings import Confidence, Evidence, Finding
from collectors.frozen import frozen
from diagnosis.rule import Rule
from diagnosis.rules import dns_missing
from diagnosis.snapshot import Conversation, Snapshot, listed
from diagnosis.subjects import pod_subject

LOOPS = ("CrashLoopBackOff", "Error", "StartError")
INIT = "Init:"  # as kubectl says it of an init container
OUT_OF_MEMORY = "OOMKilled"
_NETWORK = re.compile(
    r"no such host|not resolve|name resolution|getaddrinfo|NXDOMAIN|connection refused|dial tcp"
    r"|(i/o|connect(ion)?) timed? ?out|(network|host|destination) (is )?unreachable"
    r"|no route to host",
    re.IGNORECASE,
)
RULE = Rule(
    id="crash_loop",
    title="A pod restarts because of what it needs from the network",
    scope="pod",
    stage="symptom",
    inputs=("pods", "events", "DNS", "capture"),
    symptoms=("connect", "name"),
    screen="pods",
    criterion="CrashLoopBackOff, Error or StartError, with restarts",
    false_friends=("its log names another reason",),
    fix="kubectl -n {namespace} logs {name} --previous --tail 30",
    fix_kind="shell",
    verify="the pod runs and is ready",
)


@frozen
class Reasons:
    """Why it may restart: names that do not resolve, servers that do not answer, what it said."""

    missing: list[str]
    failing: list[Conversation]
    said: bool

    @property
    def confidence(self) -> Confidence:
        if self.missing:
            return "certain"
        return "likely" if self.failing or self.said else "possible"


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for pod in snapshot.pods:
        if pod.phase.removeprefix(INIT) not in LOOPS or not pod.restarts:
            continue
        yield _finding(snapshot, pod)


def explains_finding(snapshot: Snapshot, finding: Finding, other: Finding) -> bool:
    """The names that its pod asks for and that do not exist."""
    own = [pod for pod in snapshot.pods if pod_subject(pod) == finding.subject]
    return other.rule == dns_missing.RULE.id and any(
        snapshot.workload_subject(pod.ip) == other.subject for pod in own
    )


def _finding(snapshot: Snapshot, pod: PodRow) -> Finding:
    reasons = _reasons(snapshot, pod)
    return RULE.finding(
        subject=pod_subject(pod),
        severity="info" if reasons.confidence == "possible" else "critical",
        title=f"It restarts {_because(snapshot, reasons)}",
        evidence=_evidence(snapshot, pod, reasons),
        confidence=reasons.confidence,
        namespace=pod.namespace,
        name=pod.name,
    )


def _reasons(snapshot: Snapshot, pod: PodRow) -> Reasons:
    if pod.message.startswith(OUT_OF_MEMORY):  # whatever else it meets
        return Reasons([], [], said=False)
    own = set(pod.ips or (pod.ip,))
    talks = (talk for talk in snapshot.conversations if talk.client in own)
    return Reasons(
        missing=sorted(_missing_names(snapshot, own), key=len),
        failing=[talk for talk in talks if _is_in_vain(talk)],
        said=bool(_NETWORK.search(pod.message)),
    )


def _is_in_vain(talk: Conversation) -> bool:
    """Where some connections to the server are answered it is there."""
    return bool(talk.refused or talk.unanswered) and not talk.answered


def _missing_names(snapshot: Snapshot, addresses: set[str]) -> set[str]:
    """Names that these asked for and that do not exist."""
    tables = (view.lookups.missing for view in snapshot.targets if view.lookups)
    return {name for table in tables for ip in addresses for name in table.get(ip, ())}


def _because(snapshot: Snapshot, reasons: Reasons) -> str:
    if reasons.missing:
        return f"because {reasons.missing[0]} does not resolve"
    if reasons.failing:
        first = reasons.failing[0]
        return f"because {snapshot.name(first.server)}:{first.port} does not answer"
    if reasons.said:
        return "because of the network, as it says itself"
    return "again and again; nothing that was seen of its network says why"


def _evidence(snapshot: Snapshot, pod: PodRow, reasons: Reasons) -> Iterator[Evidence]:
    yield snapshot.fact(f"{pod.phase}, {pod.restarts} restarts", "pod status")
    if pod.message:
        yield snapshot.fact(pod.message, "the kubelet, of the container")
    if probe := snapshot.probe(pod):
        yield snapshot.fact(f"{probe.message} ({probe.count} times)", "the kubelet, of its probe")
    if reasons.missing:
        text = f"names it asks for and that do not exist: {listed(reasons.missing)}"
        yield snapshot.fact(text, "capture, port 53")
    if reasons.failing:
        ends = listed(f"{snapshot.name(talk.server)}:{talk.port}" for talk in reasons.failing)
        yield snapshot.fact(f"refused or unanswered: {ends}", "capture")
