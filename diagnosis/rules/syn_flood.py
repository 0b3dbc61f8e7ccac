"""The SYN queue is full, by a flood or by a backlog that is too small.

Facts: docs/reference/sockets.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Finding
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.snapshot import Snapshot, TargetView

COOKIES, DROP = FULL = ("TcpExtTCPReqQFullDoCookies", "TcpExtTCPReqQFullDrop")
SETTING, ALWAYS = "net.ipv4.tcp_syncookies", 2
LEAST = Threshold("from", 10, "cookies in 15 s: a burst of clients makes a few", CONVENTION)
DROPPED = Threshold("or", 1, "SYN dropped", CONVENTION)
RULE = Rule(
    id="syn_flood",
    title="The SYN queue is full: a flood of SYNs, or a backlog that is too small",
    scope="pod or node",
    stage="cause",
    inputs=(*FULL, "TcpExtSyncookiesSent", "sysctls"),
    symptoms=("connect", "timeout", "load"),
    screen="counters",
    thresholds=(LEAST, DROPPED),
    false_friends=("clients complete their handshakes", "tcp_syncookies is 2: each SYN has one"),
    fix="net.ipv4.tcp_max_syn_backlog and net.core.somaxconn up; tcp_syncookies = 1 stays",
    verify="TCPReqQFullDoCookies no longer increases",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for target in snapshot.counted:
        if _sends_cookies(target) or target.delta(DROP) >= DROPPED.value:
            yield _finding(target)


def _sends_cookies(target: TargetView) -> bool:
    """Because its queue is full: net.ipv4.tcp_syncookies = 2 makes one for every SYN, and counts it
    (net/ipv4/tcp_input.c, tcp_conn_request)."""
    return target.delta(COOKIES) >= LEAST.value and target.sysctl(SETTING) != ALWAYS


def _finding(target: TargetView) -> Finding:
    return RULE.finding(
        subject=target.subject,
        evidence=tuple(target.counter(name) for name in (*FULL, "TcpExtSyncookiesSent")),
    )
