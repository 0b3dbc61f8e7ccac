"""CPUs that are stolen or busy with packets.

Facts: docs/reference/counters.md, docs/reference/failures.md #24.
"""

from __future__ import annotations

from collections.abc import Iterator

from diagnosis.finding import CONVENTION, Finding
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
                "cpu_steal",
                "warning",
                node.name,
                f"The hypervisor takes {steal:.0f} % of the CPU time",
                (node.fact(f"steal {steal:.1f} % over {node.seconds:.0f} s", "/proc/stat"),),
                f"{STEAL:g} % (awesome-prometheus-alerts)",
                "certain",
                "steal is the same on nodes that are well",
                "Another instance type (not burstable), or another host",
                "text",
                "steal below 5 %",
                "node",
            )
        yield from _softirq(node)
        if (squeezed := node.rate("softnet_time_squeeze")) >= SQUEEZED:
            yield Finding(
                "softnet",
                "warning",
                node.name,
                f"CPUs run out of their packet budget {squeezed:.0f} times a second",
                (
                    node.counter("softnet_time_squeeze", "/proc/net/softnet_stat"),
                    node.counter("softnet_dropped", "/proc/net/softnet_stat"),
                ),
                f"{SQUEEZED:g}/s is {CONVENTION}",
                "likely",
                "no drops, and no latency at that time",
                "# /etc/sysctl.d/99-k8s-networking.conf\n# more packets a round\nnet.core.netdev_budget = 600\n"
                "net.core.netdev_budget_usecs = 8000\n",
                "sysctl",
                "time_squeeze stands still",
                "node",
            )
        if node.delta("softnet_dropped"):
            yield Finding(
                "softnet_drops",
                "warning",
                node.name,
                "CPUs drop packets: their backlog is full",
                (node.counter("softnet_dropped", "/proc/net/softnet_stat"),),
                "any drop is a lost packet",
                "certain",
                "",
                "# /etc/sysctl.d/99-k8s-networking.conf\n# a longer queue for each CPU\nnet.core.netdev_max_backlog = 5000\n",
                "sysctl",
                "dropped stands still; spread interrupts (RSS, RPS) if one CPU has them all",
                "node",
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
            "udp_flood",
            "critical",
            node.name,
            f"A flood of UDP to a port on which nothing listens: {flood:,.0f} datagrams a second keep CPUs busy",
            tuple(evidence),
            f"{FLOOD:,}/s and {SOFTIRQ:g} % of a CPU are {CONVENTION}",
            "certain",
            "UdpNoPorts stands still",
            "tcpdump -ni any -c 20 'icmp[icmptype] == icmp-unreach'  # who is told that nobody listens: that is the sender",
            "shell",
            "UdpNoPorts stands still",
            "node",
        )
        return
    yield Finding(
        "softirq",
        "warning",
        node.name,
        f"CPU {', '.join(busy)} is busy with packets while others are not",
        tuple(evidence),
        f"{SOFTIRQ:g} % of one CPU is {CONVENTION}",
        "possible",
        "all CPUs are equally busy",
        "Spread the work: RSS queues (ethtool -L), RPS (/sys/class/net/*/queues/rx-*/rps_cpus); find the flow that is so "
        "large",
        "text",
        "no CPU above 50 %",
        "node",
    )
