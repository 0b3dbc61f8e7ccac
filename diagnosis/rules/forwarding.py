"""A node does not forward: its pods reach nobody (net.ipv4.ip_forward is off, docs.kernel.org ip-sysctl)."""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Finding
from diagnosis.snapshot import Snapshot

FORWARDING = 1  # of IP-MIB ipForwarding (RFC 4293): 1 forwards, 2 does not


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for node in snapshot.of_kind("node"):
        value = node.values.get("IpForwarding", FORWARDING)
        if value == FORWARDING:
            continue
        yield Finding(
            rule="forwarding",
            severity="critical",
            subject=node.subject,
            title=f"{node.name} does not forward packets: its pods are cut off",
            evidence=(
                node.fact(f"Ip Forwarding {value}: net.ipv4.ip_forward = 0", "/proc/net/snmp"),
            ),
            threshold="a node of a cluster forwards (kubeadm's preflight demands it)",
            confidence="certain",
            disproof="a CNI that forwards by eBPF alone, without the kernel's routing",
            fix="# /etc/sysctl.d/99-k8s-networking.conf\n# a node routes between its pods and the others; a security baseline "
            "or a restart of the network may have switched it off\nnet.ipv4.ip_forward = 1\n",
            fix_kind="sysctl",
            verify="cat /proc/sys/net/ipv4/ip_forward says 1",
            screen="counters",
        )
