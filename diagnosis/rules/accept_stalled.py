"""A listener is given connections and accepts none: its process is stopped or hangs.

The kernel completes handshakes and acknowledges requests for it (listen(2)); with SO_REUSEPORT it
goes on giving a worker that hangs its share of the connections (socket(7)).
Facts: docs/reference/sockets.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from collectors.findings import Evidence, Finding
from diagnosis.accept_queues import AcceptQueue
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.snapshot import Conversation, Snapshot, TargetView
from diagnosis.subjects import pod_subject, service_subject

LEAST = Threshold("at least", 3, "connections waiting, and no fewer for 6 s", CONVENTION)
RULE = Rule(
    id="accept_stalled",
    title="A listener accepts no connections: its accept queue only grows",
    scope="pod or node",
    stage="cause",
    inputs=("sockets", "TcpPassiveOpens"),
    symptoms=("timeout", "slow", "connect"),
    screen="sockets",
    thresholds=(LEAST,),
    false_friends=(
        "Recv-Q of the listener falls again: the program is slow, and does accept",
        "more connections are opened than wait: they are accepted as fast as they come",
        "the program waits with accepting on purpose, until a leader is elected",
    ),
    severity="critical",
    confidence="likely",
    fix="Look at what the process waits for, and restart it: its state T is stopped, D waits for "
    "a disk\nps -eo pid,stat,wchan:32,args",
    fix_kind="shell",
    verify="Recv-Q of the port falls to 0",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for target in snapshot.counted:
        for queue in target.stalled:
            if queue.waiting >= LEAST.value and not _is_served(target, queue):
                yield _finding(target, queue)


def _is_served(target: TargetView, queue: AcceptQueue) -> bool:
    """Whether connections are accepted all the same, as many as come: more were opened than wait,
    and no other listener may have accepted them (TcpPassiveOpens counts those of all)."""
    listening = {row.local_port for row in target.sockets if row.state == "LISTEN"}
    opened = target.delta("TcpPassiveOpens") - queue.waiting
    return listening == {queue.port} and not queue.emptied and opened >= LEAST.value


def stalled_ports(target: TargetView) -> set[int]:
    """Ports at which nothing is accepted, or one of several listeners accepts nothing."""
    many = (queue for queue in target.stalled if queue.waiting >= LEAST.value)
    return {queue.port for queue in many if not _is_served(target, queue)}


def _finding(target: TargetView, queue: AcceptQueue) -> Finding:
    return RULE.finding(
        subject=replace(target.subject, port=queue.port),
        title=_title(queue),
        evidence=_evidence(target, queue),
    )


def _title(queue: AcceptQueue) -> str:
    if queue.emptied:
        return (
            f"Of {queue.listeners} listeners on port {queue.port} one accepts nothing, and its "
            "queue only grows: that worker hangs"
        )
    return (
        f"Nothing is accepted on port {queue.port}: {queue.waiting} connections wait, and none is "
        "accepted: the process is stopped or hangs"
    )


def _evidence(target: TargetView, queue: AcceptQueue) -> Iterator[Evidence]:
    yield target.fact(
        f"accept queue {queue.before} → {queue.waiting} of {queue.limit} in {queue.seconds:.0f} s, "
        "never shorter in between",
        "ss -lt (Recv-Q, Send-Q)",
    )
    if queue.emptied:
        yield target.fact(
            f"{queue.emptied} of {queue.listeners} listeners of the port have an empty queue",
            "ss -lt",
        )
    if unread := _unread(target, queue.port):
        yield target.fact(f"{unread} connections hold requests that nobody read", "ss -t")


def _unread(target: TargetView, port: int) -> int:
    """Rows of connections whose requests wait."""
    waiting = (row for row in target.sockets if row.state == "ESTAB" and row.recv_q)
    return sum(row.local_port == port for row in waiting)


def explains(snapshot: Snapshot, finding: Finding, talk: Conversation) -> bool:
    """Requests to that port of that pod."""
    subject = snapshot.subject(talk.server, talk.port)
    return subject == finding.subject


def explains_finding(snapshot: Snapshot, finding: Finding, other: Finding) -> bool:
    """That the queue overflows in the end, that this endpoint is silent, and that requests to its
    Service fail."""
    if other.rule == "listen_queue":
        return replace(finding.subject, port=0) == other.subject
    if other.rule == "never_answered" and other.subject == finding.subject:
        return True
    if other.rule in ("service_failing", "never_answered"):
        return any(
            pod_subject(pod, finding.subject.port) == finding.subject
            for service in snapshot.services
            if service_subject(service, other.subject.port) == other.subject
            for pod in snapshot.selected(service)
        )
    address = other.subject.detail.removeprefix("→ ")
    return other.rule == "endpoint_failing" and (
        snapshot.subject(address, finding.subject.port) == finding.subject
    )
