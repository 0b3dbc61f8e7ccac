"""The receiver does not read: the program is slow, not the network.

Facts: docs/reference/counters.md, docs/reference/sockets.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from collectors.findings import Evidence, Finding, Subject
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules._connections import servers_behind
from diagnosis.snapshot import Snapshot, TargetView, listed

CLOSED = Threshold("from", 5, "closed windows in 15 s", CONVENTION)
LASTING_MS = Threshold("in a capture alone, each for", 1_000, "ms and more", CONVENTION)
QUEUE = Threshold("or 1 and", 100_000, "bytes in a receive queue", CONVENTION)
WINDOWS = "TcpExtTCPToZeroWindowAdv"
RULE = Rule(
    id="receiver",
    title="It reads too slowly: its receive window closes, and the sender must wait",
    scope="pod",
    stage="cause",
    inputs=("capture", WINDOWS, "sockets"),
    symptoms=("slow", "large", "load", "timeout"),
    screen="flows",
    thresholds=(CLOSED, LASTING_MS, QUEUE),
    false_friends=(
        "the receive queue is empty while the sender waits: the path is slow",
        "it is a proxy, and a client of its own does not read",
        "it paces itself: data goes on within a moment each time (a note where no pods are known)",
    ),
    confidence="certain",
    fix="Look at the program: what does it do between reads? CPU limit, lock, disk. The network "
    "is not the cause",
    verify="TCPToZeroWindowAdv no longer increases; Recv-Q is near 0",
)

PACED = (
    "Its receive window closes, and the sender waits for a moment each time: it paces the sender"
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    evidence: dict[Subject, list[Evidence]] = defaultdict(list)
    for subject, closed in _closed_windows(snapshot).items():
        if sum(count for count, _ in closed) >= CLOSED.value:
            texts = listed(f"{count} {ends}" for count, ends in closed)
            evidence[subject].append(snapshot.fact(f"zero windows: {texts}", "capture"))
    for target in snapshot.of_kind("pod"):
        if _is_slow(target):
            subject = snapshot.workload_subject(target.pod.ip) if target.pod else target.subject
            evidence[subject].extend(_of_target(target))
    passing_on = _passing_on(snapshot)
    for subject, facts in evidence.items():
        if subject not in passing_on:
            yield _finding(subject, facts, is_paced=_is_paced(snapshot, subject))


def _passing_on(snapshot: Snapshot) -> set[Subject]:
    """Proxies: what a client of theirs does not read they do not read either."""
    slow = (talk for talk in snapshot.conversations if talk.client_zero_windows >= CLOSED.value)
    return {
        snapshot.workload_subject(address)
        for talk in slow
        for address in servers_behind(snapshot, talk.server)
    }


def _is_paced(snapshot: Snapshot, subject: Subject) -> bool:
    """Whether no window stayed closed for long, in captures alone: it is how a receiver paces a
    quick sender."""
    return not snapshot.pods and not any(
        talk.closed_ms >= LASTING_MS.value
        for talk in snapshot.conversations
        if subject in map(snapshot.workload_subject, (talk.client, talk.server))
    )


def _finding(subject: Subject, facts: list[Evidence], *, is_paced: bool) -> Finding:
    return RULE.finding(
        subject=subject,
        severity="info" if is_paced else None,
        title=PACED if is_paced else "",
        evidence=facts,
    )


def _is_slow(target: TargetView) -> bool:
    """A window that closes once and opens at once is how a receiver brakes a quick sender."""
    closed = target.delta(WINDOWS)
    return closed >= CLOSED.value or (closed > 0 and _longest_queue(target) > QUEUE.value)


def _longest_queue(target: TargetView) -> int:
    queues = (row.recv_q // row.alike for row in target.sockets if row.state == "ESTAB")
    return max(queues, default=0)


def _closed_windows(snapshot: Snapshot) -> dict[Subject, list[tuple[int, str]]]:
    """By the workload whose window closed: how often, and between which ends."""
    closed: dict[Subject, list[tuple[int, str]]] = defaultdict(list)
    for talk in snapshot.conversations:
        client, server = snapshot.name(talk.client), f"{snapshot.name(talk.server)}:{talk.port}"
        if count := talk.client_zero_windows:
            subject = snapshot.workload_subject(talk.client)
            closed[subject].append((count, f"from {client} to {server}"))
        if count := talk.server_zero_windows:
            subject = snapshot.workload_subject(talk.server)
            closed[subject].append((count, f"from {server} to {client}"))
    return closed


def _of_target(target: TargetView) -> Iterator[Evidence]:
    yield target.counter(WINDOWS, "/proc/net/netstat")
    longest = _longest_queue(target)
    if longest > QUEUE.value:
        yield target.fact(f"{longest:,} bytes wait to be read in a receive queue", "ss")
