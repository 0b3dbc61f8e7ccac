"""Packets are dropped because answers to their source would leave by another interface.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Finding
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules import endpoint_failing
from diagnosis.snapshot import Snapshot, TargetView

LEAST = Threshold("at least", 3, "IPReversePathFilter in 15 s", CONVENTION)
FIX = """# /etc/sysctl.d/99-k8s-networking.conf
# loose: the source must be reachable by any interface. \
Better: make routing agree in both directions
net.ipv4.conf.all.rp_filter = 2
"""
LOOSE = 2  # Documentation/networking/ip-sysctl.rst: the larger of all and the interface counts
NO_ROUTE = """# filtering is loose already: no interface at all has a route to the source
sysctl -w net.ipv4.conf.all.log_martians=1; dmesg | grep martian  # which source, on which interface
ip route get SOURCE  # the route that is missing: the CNI's, or a gateway for that network"""
RULE = Rule(
    id="rp_filter",
    title="Packets are dropped by reverse-path filtering: the two directions differ",
    scope="pod or node",
    stage="cause",
    inputs=("TcpExtIPReversePathFilter", "TcpExtTCPSynRetrans", "DNS", "capture", "sysctls"),
    symptoms=("connect", "timeout", "name", "nodes"),
    screen="counters",
    thresholds=(LEAST,),
    false_friends=("the counter does not increase while connections fail",),
    severity="critical",
    confidence="certain",
    fix=FIX,
    fix_kind="sysctl",
    verify="IPReversePathFilter no longer increases",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for target in snapshot.counted:
        if target.delta("TcpExtIPReversePathFilter") < LEAST.value:
            continue
        yield _finding(target, is_felt=_is_felt(snapshot, target))


def explains_finding(snapshot: Snapshot, finding: Finding, other: Finding) -> bool:
    """That endpoints on a node that drops get nothing, or others nothing from its pods."""
    return endpoint_failing.are_lost_at(snapshot, other, finding.subject)


def _is_felt(snapshot: Snapshot, target: TargetView) -> bool:
    """Whether anything that was seen on that node lacks an answer. Stray packets (of another
    interface's network, of a scan) are dropped on purpose, and nobody misses them."""
    here = [view for view in snapshot.targets if view.node == target.node]
    asked = (view.lookups.unanswered for view in here if view.lookups)
    again = (view.delta("TcpExtTCPSynRetrans") for view in here if view in snapshot.counted)
    lost = (talk.unanswered for view in here for talk in view.conversations)
    return any(lost) or any(asked) or any(again) or _is_missed(snapshot, target.node)


def _is_missed(snapshot: Snapshot, node: str) -> bool:
    """Whether what was seen elsewhere, of that node's pods, lacks an answer."""
    return any(
        talk.unanswered and node in (snapshot.node_at(talk.client), snapshot.node_at(talk.server))
        for talk in snapshot.conversations
    )


def _finding(target: TargetView, *, is_felt: bool) -> Finding:
    is_loose = target.sysctl("net.ipv4.conf.all.rp_filter") == LOOSE
    setting = f"net.ipv4.conf.all.rp_filter = {target.sysctl('net.ipv4.conf.all.rp_filter')}"
    return RULE.finding(
        subject=target.subject,
        severity="critical" if is_felt else "info",
        fix=NO_ROUTE if is_loose else FIX,
        fix_kind="shell" if is_loose else "sysctl",
        evidence=(
            target.counter("TcpExtIPReversePathFilter", "/proc/net/netstat"),
            target.fact(setting, "sysctl; the larger of all and the interface counts"),
        ),
    )
