"""A program does not accept connections fast enough, or is flooded with SYNs.

Facts: docs/reference/failures.md #23.
"""

from __future__ import annotations

from collections.abc import Iterator

from diagnosis.finding import CONVENTION, Finding
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
                "listen_queue",
                "critical",
                target.name,
                "The accept queue overflows: the program does not accept connections fast enough",
                (
                    target.counter("TcpExtListenOverflows", "/proc/net/netstat"),
                    target.counter("TcpExtListenDrops", "/proc/net/netstat"),
                    target.fact(f"accept queue {ports}", "ss -lt (Recv-Q above Send-Q)"),
                    target.fact(f"somaxconn = {limit}", "sysctl"),
                ),
                "every overflow is a connection that was dropped (snmp_counter.rst)",
                "certain",
                "Recv-Q stays at 0",
                "More workers or threads that accept; a larger backlog in listen(); and, where that is larger than it,\n"
                "net.core.somaxconn = 4096",
                "text",
                "ListenOverflows stands still; Recv-Q of the port is near 0",
                "sockets",
            )
        cookies = target.delta("TcpExtTCPReqQFullDoCookies", "TcpExtTCPReqQFullDrop")
        if cookies:
            yield Finding(
                "syn_flood",
                "warning",
                target.name,
                "The SYN queue is full: a flood of SYNs, or a backlog that is too small",
                (
                    target.counter("TcpExtTCPReqQFullDoCookies"),
                    target.counter("TcpExtTCPReqQFullDrop"),
                    target.counter("TcpExtSyncookiesSent"),
                ),
                f"any is {CONVENTION}",
                "likely",
                "clients complete their handshakes",
                "net.ipv4.tcp_max_syn_backlog and net.core.somaxconn up; tcp_syncookies = 1 stays",
                "text",
                "TCPReqQFullDoCookies stands still",
                "counters",
            )
        elif drops - overflows >= 5:
            yield Finding(
                "listen_drops",
                "warning",
                target.name,
                "SYNs are dropped though the accept queue is not full",
                (target.counter("TcpExtListenDrops"), target.counter("TcpExtListenOverflows")),
                f"5 in 15 s is {CONVENTION}",
                "possible",
                "",
                "Memory (TCPAbortOnMemory), or a filter on the socket",
                "text",
                "",
                "counters",
            )
