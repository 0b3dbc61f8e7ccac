"""CPUs that are stolen or busy with packets.

Facts: docs/reference/counters.md, docs/reference/failures.md #24.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Finding
from diagnosis.rule import CONVENTION
from diagnosis.snapshot import Snapshot, TargetView, listed
from diagnosis.thresholds import SOFTIRQ, STEAL

FLOOD = 2_000  # datagrams a second to a closed port
SQUEEZED = 20.0  # a second


def _share(node: TargetView, prefix: str, kind: str) -> float:
    total = node.deltas.get(f"{prefix}total", 0)
    return 100 * node.deltas.get(f"{prefix}{kind}", 0) / total if total else 0.0


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for node in snapshot.hosts:
        if (steal := _share(node, "cpu_", "steal")) >= STEAL:
            yield Finding(
                rule="cpu_steal",
                severity="warning",
                subject=node.subject,
                title=f"The hypervisor takes {steal:.0f} % of the CPU time",
                evidence=(
                    node.fact(f"steal {steal:.1f} % over {node.seconds:.0f} s", "/proc/stat"),
                ),
                threshold=f"{STEAL:g} % (awesome-prometheus-alerts)",
                confidence="certain",
                disproof="steal is the same on nodes that are well",
                fix="Another instance type (not burstable), or another host",
                fix_kind="text",
                verify="steal below 5 %",
                screen="node",
            )
        yield from _softirq(node)
        if (squeezed := node.rate("softnet_time_squeeze")) >= SQUEEZED:
            yield Finding(
                rule="softnet",
                severity="warning",
                subject=node.subject,
                title=f"CPUs run out of their packet budget {squeezed:.0f} times a second",
                evidence=(
                    node.counter("softnet_time_squeeze", "/proc/net/softnet_stat"),
                    node.counter("softnet_dropped", "/proc/net/softnet_stat"),
                ),
                threshold=f"{SQUEEZED:g}/s is {CONVENTION}",
                confidence="likely",
                disproof="no drops, and no latency at that time",
                fix="# /etc/sysctl.d/99-k8s-networking.conf\n# more packets a round\nnet.core.netdev_budget = 600\n"
                "net.core.netdev_budget_usecs = 8000\n",
                fix_kind="sysctl",
                verify="time_squeeze stands still",
                screen="node",
            )
        if node.delta("softnet_dropped"):
            yield Finding(
                rule="softnet_drops",
                severity="warning",
                subject=node.subject,
                title="CPUs drop packets: their backlog is full",
                evidence=(node.counter("softnet_dropped", "/proc/net/softnet_stat"),),
                threshold="any drop is a lost packet",
                confidence="certain",
                disproof="",
                fix="# /etc/sysctl.d/99-k8s-networking.conf\n# a longer queue for each CPU\nnet.core.netdev_max_backlog = 5000\n",
                fix_kind="sysctl",
                verify="dropped stands still; spread interrupts (RSS, RPS) if one CPU has them all",
                screen="node",
            )


def _softirq(node: TargetView) -> Iterator[Finding]:
    shares = {
        name.split("/")[1]: _share(node, name.removesuffix("total"), "softirq")
        for name in node.deltas
        if name.startswith("cpu/") and name.endswith("/total")
    }
    busy = {cpu: share for cpu, share in shares.items() if share >= SOFTIRQ}
    flood = node.rate("UdpNoPorts")
    if not busy and flood < FLOOD:
        return
    evidence = [
        node.fact(
            listed(
                f"CPU {c} {s:.0f} % softirq" for c, s in sorted(shares.items(), key=lambda x: -x[1])
            ),
            "/proc/stat",
        )
    ]
    if flood >= FLOOD:
        evidence.append(node.counter("UdpNoPorts", "/proc/net/snmp"))
        yield Finding(
            rule="udp_flood",
            severity="critical",
            subject=node.subject,
            title=f"A flood of UDP to a port on which nothing listens: {flood:,.0f} datagrams a second keep CPUs busy",
            evidence=tuple(evidence),
            threshold=f"{FLOOD:,}/s and {SOFTIRQ:g} % of a CPU are {CONVENTION}",
            confidence="certain",
            disproof="UdpNoPorts stands still",
            fix="tcpdump -ni any -c 20 'icmp[icmptype] == icmp-unreach'  # who is told that nobody listens: that is the sender",
            fix_kind="shell",
            verify="UdpNoPorts stands still",
            screen="node",
        )
        return
    yield Finding(
        rule="softirq",
        severity="warning",
        subject=node.subject,
        title=f"CPU {', '.join(busy)} is busy with packets while others are not",
        evidence=tuple(evidence),
        threshold=f"{SOFTIRQ:g} % of one CPU is {CONVENTION}",
        confidence="possible",
        disproof="all CPUs are equally busy",
        fix="Spread the work: RSS queues (ethtool -L), RPS (/sys/class/net/*/queues/rx-*/rps_cpus); find the flow that is so "
        "large",
        fix_kind="text",
        verify="no CPU above 50 %",
        screen="node",
    )
