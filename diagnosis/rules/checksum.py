"""Packets arrive with wrong checksums, mostly by a tunnel's offload: the node that gets them drops
them.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Evidence, Finding
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules._node_pairs import between
from diagnosis.snapshot import Conversation, Snapshot, TargetView, listed

LEAST = Threshold("at least", 3, "InCsumErrors in 15 s", CONVENTION)
MANY = Threshold("critical from", 20, "in 15 s", CONVENTION)
TUNNELS = ("vxlan", "geneve")
RULE = Rule(
    id="checksum",
    title="Packets arrive with wrong checksums and are dropped, mostly by a tunnel's offload",
    scope="pod or node",
    stage="cause",
    inputs=("UdpInCsumErrors", "TcpInCsumErrors", "links"),
    symptoms=("large", "slow", "timeout", "nodes"),
    screen="counters",
    criterion="kernels up to 5.7 had it (k/k#88986), and NICs and hypervisors have it still",
    thresholds=(LEAST, MANY),
    false_friends=("the checksums are right on the wire",),
    confidence="likely",
    fix_kind="shell",
    verify="InCsumErrors no longer increase",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for host in snapshot.counted:
        if _errors(host) >= LEAST.value:
            yield _finding(snapshot, host)


def explains(snapshot: Snapshot, finding: Finding, talk: Conversation) -> bool:
    """What comes to that node in a tunnel."""
    host = snapshot.host(finding.subject)
    if host is None or not host.delta("UdpInCsumErrors"):
        return False
    return any(between(host.node, other, snapshot, talk) for other in _others(snapshot, host))


def _others(snapshot: Snapshot, host: TargetView) -> list[str]:
    """The names of the other nodes."""
    return [node.name for node in snapshot.nodes if node.name != host.node]


def _errors(host: TargetView) -> int:
    return host.delta("UdpInCsumErrors", "TcpInCsumErrors")


def _finding(snapshot: Snapshot, host: TargetView) -> Finding:
    tunnels = [link.name for link in host.links if link.kind in TUNNELS]
    senders = _others(snapshot, host)
    is_tunnelled = bool(tunnels) or _is_tunnelled(snapshot, host)
    cause = "a tunnel's offload is broken" if is_tunnelled else "changed on the path, or sent so"
    who = f"{listed(senders)}, the other end of the tunnel" if tunnels else "the sender"
    return RULE.finding(
        subject=host.subject,
        severity="critical" if _errors(host) >= MANY.value else "warning",
        title=f"{host.name} drops {_errors(host)} packets in 15 s, because their checksums are "
        f"wrong: {cause}",
        evidence=_evidence(host, tunnels),
        fix=f"# on {who}: checksums by software\n"
        f"ethtool -K {tunnels[0] if tunnels else 'DEVICE'} tx-checksum-ip-generic off\n"
        "# if it stays: of the NIC, which may have its own offload for tunnels\n"
        "ethtool -K NIC tx-udp_tnl-segmentation off tx-udp_tnl-csum-segmentation off tx off",
    )


def _is_tunnelled(snapshot: Snapshot, pod: TargetView) -> bool:
    """Whether a pod's node, where it is open, has tunnels; those of a node are its own."""
    views = [view for view in snapshot.hosts if pod.kind == "pod" and view.name == pod.node]
    return any(link.kind in TUNNELS for view in views for link in view.links)


def _evidence(host: TargetView, tunnels: list[str]) -> Iterator[Evidence]:
    yield from host.moved("UdpInCsumErrors", "TcpInCsumErrors", source="/proc/net/snmp")
    yield host.fact(f"tunnels here: {listed(tunnels) or 'none'}", "ip link")
