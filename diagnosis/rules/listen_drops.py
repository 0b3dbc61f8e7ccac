"""SYNs are dropped though neither the accept queue nor the SYN queue is full.

Facts: docs/reference/sockets.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Finding
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules.syn_flood import FULL
from diagnosis.snapshot import Snapshot, TargetView

LEAST = Threshold("at least", 5, "ListenDrops beside ListenOverflows in 15 s", CONVENTION)
RULE = Rule(
    id="listen_drops",
    title="SYNs are dropped though the accept queue is not full",
    scope="pod or node",
    stage="symptom",
    inputs=("TcpExtListenDrops", "TcpExtListenOverflows", *FULL),
    symptoms=("connect", "timeout", "load"),
    screen="counters",
    thresholds=(LEAST,),
    false_friends=("the program closed the socket while SYNs were still arriving",),
    confidence="possible",
    fix="Memory (TCPAbortOnMemory), or a filter on the socket",
    verify="ListenDrops no longer increases, or with ListenOverflows only",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for target in snapshot.counted:
        if _other_drops(target) >= LEAST.value and not target.delta(*FULL):
            yield _finding(target)


def _other_drops(target: TargetView) -> int:
    """Those that are not overflows of the accept queue."""
    return target.delta("TcpExtListenDrops") - target.delta("TcpExtListenOverflows")


def _finding(target: TargetView) -> Finding:
    return RULE.finding(
        subject=target.subject,
        evidence=(
            target.counter("TcpExtListenDrops"),
            target.counter("TcpExtListenOverflows"),
        ),
    )
