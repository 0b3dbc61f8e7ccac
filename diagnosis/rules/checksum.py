"""Packets arrive with wrong checksums, mostly by a tunnel's offload.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Evidence, Finding
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.snapshot import Snapshot, TargetView, listed

LEAST = Threshold("at least", 3, "InCsumErrors in 15 s", CONVENTION)
RULE = Rule(
    id="checksum",
    title="Packets arrive with wrong checksums: a tunnel's offload is broken",
    scope="pod or node",
    stage="cause",
    inputs=("UdpInCsumErrors", "TcpInCsumErrors", "links"),
    symptoms=("large", "slow", "timeout"),
    screen="counters",
    criterion="kernels up to 5.7 had it (k/k#88986)",
    thresholds=(LEAST,),
    false_friends=("the checksums are right on the wire",),
    confidence="possible",
    fix_kind="shell",
    verify="InCsumErrors stand still",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for host in snapshot.counted:
        if host.delta("UdpInCsumErrors", "TcpInCsumErrors") >= LEAST.value:
            yield _finding(host)


def _finding(host: TargetView) -> Finding:
    tunnels = [link.name for link in host.links if link.kind in ("vxlan", "geneve")]
    return RULE.finding(
        subject=host.subject,
        evidence=_evidence(host, tunnels),
        fix=f"ethtool -K {tunnels[0] if tunnels else 'DEVICE'} tx-checksum-ip-generic off",
    )


def _evidence(host: TargetView, tunnels: list[str]) -> Iterator[Evidence]:
    yield host.counter("UdpInCsumErrors", "/proc/net/snmp")
    yield host.counter("TcpInCsumErrors", "/proc/net/snmp")
    yield host.fact(f"tunnels here: {listed(tunnels) or 'none'}", "ip link")
