"""What the number of Services costs a node: iptables searches its rules one after another.

Facts: docs/reference/failures.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.events import RuleCount
from collectors.findings import Evidence, Finding, Subject
from collectors.frozen import frozen
from diagnosis.rule import CONVENTION, Rule, Threshold
from diagnosis.rules._packet_filters import IPTABLES, counts, kernel_version
from diagnosis.snapshot import Snapshot, TargetView, listed

PORTS = Threshold("info from", 1_000, "ports of Services", CONVENTION)
HEAVY_PORTS = Threshold("warning from", 5_000, "ports of Services", CONVENTION)
RULES = Threshold("warning from", 50_000, "rules", CONVENTION)
READING = Threshold(
    "warning from",
    2,
    "s for one reading of the rules",
    "kubernetes#96018: a change writes them all",
)
NFTABLES_KERNEL = (5, 13)  # kubernetes.io/docs/reference/networking/virtual-ips
RULE = Rule(
    id="service_scale",
    title="The first packet of a connection passes thousands of iptables rules, and each change "
    "of a Service rewrites them",
    scope="cluster",
    stage="advice",
    inputs=("packet filter", "Services", "settings", "nodes"),
    symptoms=("slow", "load"),
    screen="node",
    criterion="kube-proxy in iptables mode; linear cost: kubernetes.io/blog 2025-02-28",
    thresholds=(PORTS, HEAVY_PORTS, RULES, READING),
    false_friends=("another component translates Services (eBPF), and these rules are left over",),
    verify="nft list table ip kube-proxy | head; iptables-save | grep -c KUBE-SVC counts nothing "
    "on a node that was drained or restarted",
)


@frozen
class Load:
    """What iptables carries for Services. `counted` are the nodes' own tables."""

    mode: str
    ports: int
    counted: list[tuple[TargetView, RuleCount]]

    @property
    def uses_iptables(self) -> bool:
        return self.mode == "iptables" or (not self.mode and bool(self.counted))

    @property
    def services(self) -> int:
        return max([self.ports, *(row.services for _, row in self.counted)])

    @property
    def rules(self) -> int:
        return max((row.rules for _, row in self.counted), default=0)

    @property
    def seconds(self) -> float:
        return max((row.seconds for _, row in self.counted), default=0.0)

    @property
    def heavy(self) -> bool:
        slow = self.seconds >= READING.value and self.services >= PORTS.value  # else a slow node
        return slow or self.rules >= RULES.value or self.services >= HEAVY_PORTS.value


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    load = _load(snapshot)
    if _is_replaced(snapshot) or not load.uses_iptables:
        return
    if not (load.heavy or load.services >= PORTS.value):
        return
    yield _finding(snapshot, load)


def _is_replaced(snapshot: Snapshot) -> bool:
    """Whether Cilium translates Services: what kube-proxy left is on no path of theirs."""
    return snapshot.setting("cilium").get("kube-proxy-replacement") in ("true", "strict")


def _finding(snapshot: Snapshot, load: Load) -> Finding:
    return RULE.finding(
        subject=Subject(kind="cluster", name="kube-proxy"),
        severity="warning" if load.heavy else "info",
        title=f"The first packet of a connection passes up to {load.services:,} iptables rules "
        "in turn, and each change of a Service writes all rules again",
        evidence=_evidence(snapshot, load),
        confidence="certain" if load.counted else "likely",
        fix=_fix(_old_kernels(snapshot)),
    )


def _load(snapshot: Snapshot) -> Load:
    counted = ((host, row) for host in snapshot.hosts for row in counts(host, *IPTABLES))
    return Load(
        mode=snapshot.setting("kube-proxy").get("mode", ""),
        ports=sum(len(service.targets) for service in snapshot.services if service.ips),
        counted=[(host, row) for host, row in counted if row.services],
    )


def _old_kernels(snapshot: Snapshot) -> list[str]:
    known = (node for node in snapshot.nodes if node.kernel)
    return [node.name for node in known if kernel_version(node.kernel) < NFTABLES_KERNEL]


def _evidence(snapshot: Snapshot, load: Load) -> Iterator[Evidence]:
    yield snapshot.fact(
        f"{load.ports:,} ports of Services with a cluster IP", "Services", "whole cluster"
    )
    if load.mode:
        source = next(row.source for row in snapshot.settings if row.name == "kube-proxy")
        yield snapshot.fact(f"mode {load.mode}", source, "global setting")
    for host, row in load.counted[:4]:
        text = (
            f"{row.rules:,} rules, {row.services:,} of Services in one chain; read in "
            f"{row.seconds:.1f} s"
        )
        yield host.fact(text, row.backend)
    if old := _old_kernels(snapshot):
        yield snapshot.fact(f"kernel before 5.13 on {listed(old)}", "nodes")


def _fix(old: list[str]) -> str:
    first = f"These nodes need a kernel of 5.13 first: {listed(old)}. After that: " if old else ""
    return (
        f"{first}kubectl -n kube-system edit configmap kube-proxy  # mode: nftables (stable "
        "since Kubernetes 1.33), and kubectl -n kube-system rollout restart daemonset "
        "kube-proxy; Cilium: kube-proxy-replacement"
    )
