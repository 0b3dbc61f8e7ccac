"""A node does not forward packets, so that its pods reach nothing outside of it.

net.ipv4.ip_forward is off: docs.kernel.org, ip-sysctl; ipForwarding of RFC 4293 is 1 or 2.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Finding
from diagnosis.ip_forwarding import FORWARDING, forwarding_setting
from diagnosis.rule import Rule
from diagnosis.snapshot import Conversation, Snapshot, TargetView

FIX = """# /etc/sysctl.d/99-k8s-networking.conf
# a node routes between its pods and other nodes; \
a security baseline or a restart of the network may have switched it off
net.ipv4.ip_forward = 1
"""
RULE = Rule(
    id="forwarding",
    title="A node does not forward packets: its pods are cut off",
    scope="node",
    stage="cause",
    inputs=("sysctls",),
    symptoms=("connect", "timeout", "name", "nodes"),
    screen="counters",
    criterion="a node of a cluster forwards (kubeadm's preflight checks demand it)",
    false_friends=("the CNI forwards by eBPF alone, without the kernel's routing",),
    severity="critical",
    confidence="certain",
    fix=FIX,
    fix_kind="sysctl",
    verify="cat /proc/sys/net/ipv4/ip_forward says 1",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for node in snapshot.of_kind("node"):
        value = forwarding_setting(node)
        if value != FORWARDING:
            yield _finding(node, value)


def explains(snapshot: Snapshot, finding: Finding, talk: Conversation) -> bool:
    """What that node's pods and others say to each other."""
    nodes = snapshot.node_of(talk.client), snapshot.node_of(talk.server)
    return finding.subject.name in nodes and nodes[0] != nodes[1]


def _finding(node: TargetView, value: int) -> Finding:
    text = f"Ip Forwarding {value}: net.ipv4.ip_forward = 0"
    return RULE.finding(
        subject=node.subject,
        title=f"{node.name} does not forward packets: its pods are cut off",
        evidence=(node.fact(text, "/proc/net/snmp"),),
    )
