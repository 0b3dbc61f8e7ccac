"""A node does not forward: its pods reach nobody (net.ipv4.ip_forward is off, docs.kernel.org ip-sysctl)."""

from __future__ import annotations

from collections.abc import Iterator

from diagnosis.finding import Finding
from diagnosis.snapshot import Snapshot

FORWARDING = 1  # of IP-MIB ipForwarding (RFC 4293): 1 forwards, 2 does not


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for node in snapshot.of_kind("node"):
        value = node.values.get("IpForwarding", FORWARDING)
        if value == FORWARDING:
            continue
        yield Finding(
            "forwarding",
            "critical",
            node.name,
            f"{node.name} does not forward packets: its pods are cut off",
            (node.fact(f"Ip Forwarding {value}: net.ipv4.ip_forward = 0", "/proc/net/snmp"),),
            "a node of a cluster forwards (kubeadm's preflight demands it)",
            "certain",
            "a CNI that forwards by eBPF alone, without the kernel's routing",
            "# /etc/sysctl.d/99-k8s-networking.conf\n# a node routes between its pods and the others; a security baseline "
            "or a restart of the network may have switched it off\nnet.ipv4.ip_forward = 1\n",
            "sysctl",
            "cat /proc/sys/net/ipv4/ip_forward says 1",
            "counters",
        )
