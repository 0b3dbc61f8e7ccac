"""The receiver does not read: the program is slow, not the network.

Facts: docs/reference/counters.md, docs/reference/sockets.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from diagnosis.finding import CONVENTION, Evidence, Finding
from diagnosis.snapshot import Snapshot, listed


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    closed: dict[str, list[str]] = {}
    for talk in snapshot.conversations:
        if talk.client_zero_windows:
            closed.setdefault(snapshot.workload(talk.client), []).append(
                f"{talk.client_zero_windows} from {snapshot.name(talk.client)} to {snapshot.name(talk.server)}:{talk.port}"
            )
        if talk.server_zero_windows:
            closed.setdefault(snapshot.workload(talk.server), []).append(
                f"{talk.server_zero_windows} from {snapshot.name(talk.server)}:{talk.port} to {snapshot.name(talk.client)}"
            )
    told: dict[str, list[Evidence]] = {
        name: [Evidence(f"zero windows: {listed(texts)}", "capture", snapshot.at)]
        for name, texts in closed.items()
    }
    for target in snapshot.of_kind("pod"):
        if target.delta("TcpExtTCPToZeroWindowAdv"):
            name = snapshot.workload(target.pod.ip) if target.pod else target.name
            told.setdefault(name, []).append(
                target.counter("TcpExtTCPToZeroWindowAdv", "/proc/net/netstat")
            )
            queues = [r.recv_q for r in target.sockets if r.state == "ESTAB" and r.recv_q > 100_000]
            if queues:
                told[name].append(
                    target.fact(f"{max(queues):,} bytes wait to be read in a receive queue", "ss")
                )
    for name, evidence in told.items():
        yield Finding(
            "receiver",
            "warning",
            name,
            "It reads too slowly: its receive window closes, and the sender must wait",
            tuple(evidence),
            f"any closed window is {CONVENTION}",
            "certain",
            "the receive queue is empty while the sender waits: then the path",
            "Look at the program: what does it do between reads? CPU limit, lock, disk. The network is not the cause",
            "text",
            "TCPToZeroWindowAdv stands still; Recv-Q is near 0",
            "flows",
        )
