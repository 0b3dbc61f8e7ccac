"""A program does not accept connections fast enough.

Facts: docs/reference/sockets.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from collectors.findings import Evidence, Finding
from diagnosis.rule import Rule, Threshold
from diagnosis.rules import endpoint_failing
from diagnosis.snapshot import Snapshot, TargetView, listed

LEAST = Threshold(
    "from", 1, "overflow in 15 s", "snmp_counter.rst: each is a connection that was dropped"
)
FULL = "The accept queue is full: the next connections are dropped"
RULE = Rule(
    id="listen_queue",
    title="The accept queue overflows: the program does not accept connections fast enough",
    scope="pod or node",
    stage="cause",
    inputs=("sockets", "TcpExtListenOverflows", "TcpExtListenDrops", "sysctls"),
    symptoms=("connect", "timeout", "slow", "reset", "load"),
    screen="sockets",
    criterion="or a Recv-Q of a listen socket above its Send-Q",
    thresholds=(LEAST,),
    false_friends=("Recv-Q stays at 0",),
    severity="critical",
    confidence="certain",
    fix="""More workers or threads that accept; a larger backlog in listen(); \
and, where that is larger than it,
net.core.somaxconn = 4096""",
    verify="ListenOverflows no longer increases; Recv-Q of the port is near 0",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for target in snapshot.counted:
        full = listed(_full_queues(target))
        if full or _overflows(target):
            yield _finding(target, full or "not full when it was read")


def explains_finding(snapshot: Snapshot, finding: Finding, other: Finding) -> bool:
    """That what is handed to this pod is not acknowledged by it."""
    if finding.severity != "critical":
        return False
    is_lost_here = other.rule == "packet_loss" and replace(other.subject, port=0) == finding.subject
    return is_lost_here or endpoint_failing.are_lost_at(snapshot, other, finding.subject)


def _overflows(target: TargetView) -> bool:
    return target.delta("TcpExtListenOverflows") >= LEAST.value


def _full_queues(target: TargetView) -> Iterator[str]:
    for row in target.sockets:
        if row.state == "LISTEN" and row.send_q and row.recv_q > row.send_q:
            yield f":{row.local_port} holds {row.recv_q} of {row.send_q}"


def _finding(target: TargetView, ports: str) -> Finding:
    drops = target.delta("TcpExtListenOverflows", "TcpExtListenDrops") > 0
    return RULE.finding(
        subject=target.subject,
        severity="critical" if drops else "warning",
        title="" if drops else FULL,
        evidence=_evidence(target, ports),
    )


def _evidence(target: TargetView, ports: str) -> Iterator[Evidence]:
    limit = f"somaxconn = {target.sysctl('net.core.somaxconn')}"
    for name in ("TcpExtListenOverflows", "TcpExtListenDrops"):
        yield target.counter(name, "/proc/net/netstat")
    yield target.fact(f"accept queue {ports}", "ss -lt (Recv-Q above Send-Q)")
    yield target.fact(limit, "sysctl")
