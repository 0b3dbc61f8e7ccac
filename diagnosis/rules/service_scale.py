"""What Services cost a node: iptables' linear search, rules of two backends, connections that IPVS
reuses.

Facts: docs/reference/failures.md #14, #15, #16.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from collectors.events import RuleCount
from collectors.findings import Evidence, Finding, Subject
from diagnosis.rule import CONVENTION
from diagnosis.snapshot import Snapshot, TargetView, listed

MANY, VERY_MANY = 1_000, 5_000  # ports of Services
RULES = 50_000
SLOW_S = 2.0  # one reading of the rules; a change writes them all (kubernetes#96018: 696,000 lines, 12.8 s)
NFT_KERNEL = (
    5,
    13,
)  # what kube-proxy's nftables mode needs (kubernetes.io/docs/reference/networking/virtual-ips)
IPVS_KERNEL = (5, 9)  # from here on conn_reuse_mode 1 costs nothing (kubernetes#93297)
IPTABLES = ("iptables-legacy", "iptables-nft")


def version(kernel: str) -> tuple[int, int]:
    found = re.match(r"(\d+)\.(\d+)", kernel)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    yield from _linear(snapshot)
    for host in snapshot.hosts:
        yield from _mixed(host)
        yield from _reuse(snapshot, host)


def _counts(host: TargetView, *backends: str) -> list[RuleCount]:
    return [row for row in (host.rules.rows if host.rules else ()) if row.backend in backends]


def _linear(snapshot: Snapshot) -> Iterator[Finding]:
    mode = snapshot.setting("kube-proxy").get("mode", "")
    counted = [
        (host, row) for host in snapshot.hosts for row in _counts(host, *IPTABLES) if row.services
    ]
    if mode not in ("", "iptables") or (not mode and not counted):
        return
    ports = sum(len(s.targets) for s in snapshot.services if s.ips)
    rules = max((row.rules for _, row in counted), default=0)
    slowest = max((row.seconds for _, row in counted), default=0.0)
    services = max([ports, *(row.services for _, row in counted)])
    if services < MANY and rules < RULES and slowest < SLOW_S:
        return
    evidence = [
        Evidence(
            f"{ports:,} ports of Services with a cluster IP",
            "Services",
            snapshot.at,
            "whole cluster",
        )
    ]
    if mode:
        source = next(row.source for row in snapshot.settings if row.name == "kube-proxy")
        evidence.append(Evidence(f"mode {mode}", source, snapshot.at, "global setting"))
    evidence += [
        host.fact(
            f"{row.rules:,} rules, {row.services:,} of Services in one chain; read in {row.seconds:.1f} s",
            row.backend,
        )
        for host, row in counted[:4]
    ]
    old = [
        node.name for node in snapshot.nodes if version(node.kernel) < NFT_KERNEL and node.kernel
    ]
    if old:
        evidence.append(Evidence(f"kernel before 5.13 on {listed(old)}", "nodes", snapshot.at))
    heavy = services >= VERY_MANY or rules >= RULES or slowest >= SLOW_S
    yield Finding(
        rule="service_scale",
        severity="warning" if heavy else "info",
        subject=Subject(kind="cluster", name="kube-proxy"),
        title=f"The first packet of a connection passes up to {services:,} iptables rules in turn, and each change of a Service "
        "writes rules anew",
        evidence=tuple(evidence),
        threshold=f"{MANY:,} ports, {RULES:,} rules or {SLOW_S:g} s are {CONVENTION}; linear cost: kubernetes.io/blog "
        "2025-02-28",
        confidence="certain" if counted else "likely",
        disproof="another component translates Services (eBPF), and these rules are left over",
        fix=("These nodes need a kernel of 5.13 first: " + listed(old) + ". Then: " if old else "")
        + "kubectl -n kube-system edit configmap kube-proxy  # mode: nftables (stable since Kubernetes 1.33), then "
        "kubectl -n kube-system rollout restart daemonset kube-proxy; Cilium: kube-proxy-replacement",
        fix_kind="text",
        verify="nft list table ip kube-proxy | head; iptables-save | grep -c KUBE-SVC counts nothing on a node that was drained "
        "or restarted",
        screen="node",
    )


def _mixed(host: TargetView) -> Iterator[Finding]:
    found = [row for row in _counts(host, *IPTABLES) if row.rules]
    if len(found) < 2:
        return
    both = all(row.services for row in found)
    yield Finding(
        rule="mixed_backends",
        severity="critical" if both else "warning",
        subject=host.subject,
        title="Rules are in iptables-legacy and in iptables-nft: packets pass both, and each tool sees only its own",
        evidence=tuple(
            host.fact(f"{row.rules:,} rules, {row.services:,} of Services", row.backend)
            for row in found
        ),
        threshold="one backend a node (node-problem-detector, iptables_mode.sh)",
        confidence="certain" if both else "likely",
        disproof="one of them holds only another program's own table on purpose",
        fix="Find who writes with the other backend (iptables --version in kube-proxy, the CNI and Docker), make all use that "
        "of the node (update-alternatives --set iptables …; IPTABLES_BACKEND / FELIX_IPTABLESBACKEND), and restart the "
        "node: a flush drops its traffic",
        fix_kind="text",
        verify="iptables-legacy-save prints no rule",
        screen="node",
    )


def _reuse(snapshot: Snapshot, host: TargetView) -> Iterator[Finding]:
    servers = sum(row.services for row in _counts(host, "ipvs"))
    kernel = host.network.kernel if host.network else ""
    if (
        not servers
        or host.values.get("sysctl net.ipv4.vs.conn_reuse_mode") != 1
        or version(kernel) >= IPVS_KERNEL
    ):
        return
    yield Finding(
        rule="ipvs_reuse",
        severity="warning",
        subject=host.subject,
        title="IPVS delays by 1 s, or resets, a connection whose source port was used a moment ago",
        evidence=(
            host.fact("net.ipv4.vs.conn_reuse_mode = 1", "sysctl"),
            host.fact(f"kernel {kernel}", "uname -r"),
            host.fact(f"{servers:,} virtual servers", "/proc/net/ip_vs"),
        ),
        threshold="kernels before 5.9 (kubernetes#81775, #93297)",
        confidence="likely",
        disproof="no client reuses its ports within 2 minutes",
        fix="# /etc/sysctl.d/99-k8s-networking.conf\n# a port that is used again goes to the server it had\n"
        "net.ipv4.vs.conn_reuse_mode = 0\n",
        fix_kind="sysctl",
        verify="ipvsadm -Lnc shows no TIME_WAIT that is used again",
        screen="node",
    )
