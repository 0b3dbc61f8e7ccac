"""A program does not accept connections fast enough, or is flooded with SYNs.

Facts: docs/reference/failures.md #23.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Finding
from diagnosis.rule import CONVENTION
from diagnosis.snapshot import Snapshot, listed


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for target in snapshot.of_kind("pod", "node", "local"):
        overflows, drops = target.delta("TcpExtListenOverflows"), target.delta("TcpExtListenDrops")
        full = [
            r for r in target.sockets if r.state == "LISTEN" and r.send_q and r.recv_q > r.send_q
        ]
        if overflows or full:
            ports = (
                listed(f":{r.local_port} holds {r.recv_q} of {r.send_q}" for r in full)
                or "not full when looked at"
            )
            limit = target.values.get("sysctl net.core.somaxconn")
            yield Finding(
                rule="listen_queue",
                severity="critical",
                subject=target.subject,
                title="The accept queue overflows: the program does not accept connections fast enough",
                evidence=(
                    target.counter("TcpExtListenOverflows", "/proc/net/netstat"),
                    target.counter("TcpExtListenDrops", "/proc/net/netstat"),
                    target.fact(f"accept queue {ports}", "ss -lt (Recv-Q above Send-Q)"),
                    target.fact(f"somaxconn = {limit}", "sysctl"),
                ),
                threshold="every overflow is a connection that was dropped (snmp_counter.rst)",
                confidence="certain",
                disproof="Recv-Q stays at 0",
                fix="More workers or threads that accept; a larger backlog in listen(); and, where that is larger than it,\n"
                "net.core.somaxconn = 4096",
                fix_kind="text",
                verify="ListenOverflows stands still; Recv-Q of the port is near 0",
                screen="sockets",
            )
        cookies = target.delta("TcpExtTCPReqQFullDoCookies", "TcpExtTCPReqQFullDrop")
        if cookies:
            yield Finding(
                rule="syn_flood",
                severity="warning",
                subject=target.subject,
                title="The SYN queue is full: a flood of SYNs, or a backlog that is too small",
                evidence=(
                    target.counter("TcpExtTCPReqQFullDoCookies"),
                    target.counter("TcpExtTCPReqQFullDrop"),
                    target.counter("TcpExtSyncookiesSent"),
                ),
                threshold=f"any is {CONVENTION}",
                confidence="likely",
                disproof="clients complete their handshakes",
                fix="net.ipv4.tcp_max_syn_backlog and net.core.somaxconn up; tcp_syncookies = 1 stays",
                fix_kind="text",
                verify="TCPReqQFullDoCookies stands still",
                screen="counters",
            )
        elif drops - overflows >= 5:
            yield Finding(
                rule="listen_drops",
                severity="warning",
                subject=target.subject,
                title="SYNs are dropped though the accept queue is not full",
                evidence=(
                    target.counter("TcpExtListenDrops"),
                    target.counter("TcpExtListenOverflows"),
                ),
                threshold=f"5 in 15 s is {CONVENTION}",
                confidence="possible",
                disproof="",
                fix="Memory (TCPAbortOnMemory), or a filter on the socket",
                fix_kind="text",
                verify="",
                screen="counters",
            )
