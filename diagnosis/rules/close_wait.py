"""Connections that the program does not close.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from collectors.findings import Evidence, Finding
from collectors.sockets.rows import SocketRow
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules.accept_stalled import stalled_ports
from diagnosis.snapshot import Snapshot, TargetView, listed

MANY = Threshold("from", 50, "connections in CLOSE-WAIT", CONVENTION)
SHARE = Threshold("and from", 5, "% of its connections", CONVENTION)
OPEN = ("ESTAB", "CLOSE-WAIT")
RULE = Rule(
    id="close_wait",
    title="Connections wait for the program to close them",
    scope="pod",
    stage="cause",
    inputs=("sockets",),
    symptoms=("load",),
    screen="sockets",
    thresholds=(MANY, SHARE),
    false_friends=(
        "the count falls by itself",
        "they wait to be accepted (Recv-Q of the listener)",
        "a proxy of many thousand connections, of which some are being closed at any moment",
    ),
    fix="A leak in the program: it never closes what its peers have closed (pools without a "
    "limit, responses that are not read to the end)",
    verify="ss -tan state close-wait | wc -l falls",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for target in snapshot.of_kind("pod", "local"):
        if target.is_of_host:  # its sockets are those of all programs of the node
            continue
        waiting = _waiting(snapshot, target)
        if waiting.total() >= MANY.value and _is_share(target, waiting.total()):
            yield _finding(target, waiting)


def _waiting(snapshot: Snapshot, target: TargetView) -> Counter[str]:
    """Connections by the workload of their peer."""
    found = Counter[str]()
    for row in _accepted(target):
        found[snapshot.workload(row.peer)] += row.alike
    return found


def _is_share(target: TargetView, waiting: int) -> bool:
    """Whether they are more than what is being closed at any moment where many are open."""
    total = sum(row.alike for row in target.sockets if row.state in OPEN)
    return 100 * waiting >= SHARE.value * total


def _accepted(target: TargetView) -> Iterator[SocketRow]:
    """Those in CLOSE-WAIT that the program can close: not what waits to be accepted, of clients
    that gave up."""
    stalled, queued = stalled_ports(target), _queued(target)
    for row in target.sockets:
        if row.state != "CLOSE-WAIT" or row.local_port in stalled:
            continue
        if queued[row.local_port] >= row.alike:
            queued[row.local_port] -= row.alike
        else:
            yield row


def _queued(target: TargetView) -> Counter[int]:
    """By port, connections that wait to be accepted."""
    found = Counter[int]()
    for row in target.sockets:
        if row.state == "LISTEN":
            found[row.local_port] += row.recv_q
    return found


def _finding(target: TargetView, waiting: Counter[str]) -> Finding:
    return RULE.finding(
        subject=target.subject,
        title=f"{waiting.total()} connections wait for the program to close them",
        evidence=_evidence(target, waiting),
    )


def _evidence(target: TargetView, waiting: Counter[str]) -> Iterator[Evidence]:
    peers = listed(f"{name} ({number})" for name, number in waiting.most_common(3))
    yield target.fact(f"CLOSE-WAIT towards {peers}", "ss")
