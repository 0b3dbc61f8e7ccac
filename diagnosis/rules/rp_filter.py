"""Packets are dropped because answers to their source would leave by another interface.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Finding
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.snapshot import Snapshot, TargetView

LEAST = Threshold("at least", 3, "IPReversePathFilter in 15 s", CONVENTION)
FIX = """# /etc/sysctl.d/99-k8s-networking.conf
# loose: the source must be reachable by any interface. \
Better: make routing agree in both directions
net.ipv4.conf.all.rp_filter = 2
"""
RULE = Rule(
    id="rp_filter",
    title="Packets are dropped by reverse-path filtering: the two directions differ",
    scope="pod or node",
    stage="cause",
    inputs=("TcpExtIPReversePathFilter", "TcpExtTCPSynRetrans", "DNS", "capture", "sysctls"),
    symptoms=("connect", "timeout", "name", "nodes"),
    screen="counters",
    thresholds=(LEAST,),
    false_friends=("the counter stands still while connections fail",),
    severity="critical",
    confidence="certain",
    fix=FIX,
    fix_kind="sysctl",
    verify="IPReversePathFilter stands still",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for target in snapshot.counted:
        if target.delta("TcpExtIPReversePathFilter") < LEAST.value:
            continue
        yield _finding(target, is_felt=_is_felt(snapshot))


def _is_felt(snapshot: Snapshot) -> bool:
    """Whether anything that was seen lacks an answer. Stray packets (of another interface's
    network, of a scan) are dropped on purpose, and nobody misses them."""
    asked = (view.lookups.unanswered for view in snapshot.targets if view.lookups)
    again = (view.delta("TcpExtTCPSynRetrans") for view in snapshot.counted)
    return any(talk.unanswered for talk in snapshot.conversations) or any(asked) or any(again)


def _finding(target: TargetView, *, is_felt: bool) -> Finding:
    setting = f"net.ipv4.conf.all.rp_filter = {target.sysctl('net.ipv4.conf.all.rp_filter')}"
    return RULE.finding(
        subject=target.subject,
        severity="critical" if is_felt else "info",
        evidence=(
            target.counter("TcpExtIPReversePathFilter", "/proc/net/netstat"),
            target.fact(setting, "sysctl; the larger of all and the interface counts"),
        ),
    )
