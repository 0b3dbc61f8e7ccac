"""The receiver does not read: the program is slow, not the network.

Facts: docs/reference/counters.md, docs/reference/sockets.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Evidence, Finding, Subject
from diagnosis.rule import CONVENTION
from diagnosis.snapshot import Snapshot, listed


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    closed: dict[Subject, list[str]] = {}
    for talk in snapshot.conversations:
        if talk.client_zero_windows:
            closed.setdefault(snapshot.workload_subject(talk.client), []).append(
                f"{talk.client_zero_windows} from {snapshot.name(talk.client)} to {snapshot.name(talk.server)}:{talk.port}"
            )
        if talk.server_zero_windows:
            closed.setdefault(snapshot.workload_subject(talk.server), []).append(
                f"{talk.server_zero_windows} from {snapshot.name(talk.server)}:{talk.port} to {snapshot.name(talk.client)}"
            )
    told: dict[Subject, list[Evidence]] = {
        subject: [Evidence(f"zero windows: {listed(texts)}", "capture", snapshot.at)]
        for subject, texts in closed.items()
    }
    for target in snapshot.of_kind("pod"):
        if target.delta("TcpExtTCPToZeroWindowAdv"):
            subject = snapshot.workload_subject(target.pod.ip) if target.pod else target.subject
            told.setdefault(subject, []).append(
                target.counter("TcpExtTCPToZeroWindowAdv", "/proc/net/netstat")
            )
            queues = [r.recv_q for r in target.sockets if r.state == "ESTAB" and r.recv_q > 100_000]
            if queues:
                told[subject].append(
                    target.fact(f"{max(queues):,} bytes wait to be read in a receive queue", "ss")
                )
    for subject, evidence in told.items():
        yield Finding(
            rule="receiver",
            severity="warning",
            subject=subject,
            title="It reads too slowly: its receive window closes, and the sender must wait",
            evidence=tuple(evidence),
            threshold=f"any closed window is {CONVENTION}",
            confidence="certain",
            disproof="the receive queue is empty while the sender waits: then the path",
            fix="Look at the program: what does it do between reads? CPU limit, lock, disk. The network is not the cause",
            fix_kind="text",
            verify="TCPToZeroWindowAdv stands still; Recv-Q is near 0",
            screen="flows",
        )
