"""A node does not forward packets, so that its pods reach nothing outside of it.

net.ipv4.ip_forward, or net.ipv6.conf.all.forwarding where pods have IPv6 addresses, is off:
docs.kernel.org, ip-sysctl; ipForwarding of RFC 4293 is 1 or 2.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Finding
from diagnosis.ip_forwarding import ForwardingOff, family, forwarding_off
from diagnosis.rule import Rule
from diagnosis.rules import endpoint_failing
from diagnosis.snapshot import Conversation, Snapshot, TargetView

FIX = """# /etc/sysctl.d/99-k8s-networking.conf
# a node routes between its pods and other nodes; \
a security baseline or a restart of the network may have switched it off
{settings}
"""
RULE = Rule(
    id="forwarding",
    title="A node does not forward packets: its pods are cut off",
    scope="node",
    stage="cause",
    inputs=("sysctls",),
    symptoms=("connect", "timeout", "name", "nodes"),
    screen="counters",
    criterion="a node of a cluster forwards (kubeadm's preflight checks demand it) what its pods "
    "have addresses of",
    false_friends=(
        "the CNI forwards by eBPF alone, without the kernel's routing",
        "the node's pods have no addresses of that family",
    ),
    severity="critical",
    confidence="certain",
    fix=FIX,
    fix_kind="sysctl",
    verify="sysctl {names} says 1",
)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for node in snapshot.of_kind("node"):
        if off := list(forwarding_off(snapshot, node)):
            yield _finding(node, off)


def explains(snapshot: Snapshot, finding: Finding, talk: Conversation) -> bool:
    """What that node's pods and others say to each other, of a family that it does not forward."""
    nodes = snapshot.node_of(talk.client), snapshot.node_of(talk.server)
    if finding.subject.name not in nodes or nodes[0] == nodes[1]:
        return False
    host = snapshot.host(finding.subject)
    off = forwarding_off(snapshot, host) if host else ()
    return any(one.family == family(talk.server) for one in off)


def explains_finding(snapshot: Snapshot, finding: Finding, other: Finding) -> bool:
    """That endpoints on that node get nothing, or others nothing from its pods."""
    return endpoint_failing.are_lost_at(snapshot, other, finding.subject)


def _finding(node: TargetView, off: list[ForwardingOff]) -> Finding:
    names = " and ".join(one.family for one in off)
    settings = "\n".join(f"{one.setting} = 1" for one in off)
    return RULE.finding(
        subject=node.subject,
        title=f"{node.name} does not forward packets ({names}): its pods are cut off",
        evidence=[node.fact(one.reading, one.source) for one in off],
        settings=settings,
        names=" ".join(one.setting for one in off),
    )
