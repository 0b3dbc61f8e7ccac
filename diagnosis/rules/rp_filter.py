"""Packets are dropped because answers would go another way.

Facts: docs/reference/failures.md #20.
"""

from __future__ import annotations

from collections.abc import Iterator

from diagnosis.finding import CONVENTION, Finding
from diagnosis.snapshot import Snapshot

LEAST = 3


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for target in snapshot.of_kind("node", "pod", "local"):
        if target.delta("TcpExtIPReversePathFilter") < LEAST:
            continue
        value = target.values.get("sysctl net.ipv4.conf.all.rp_filter")
        yield Finding(
            "rp_filter",
            "critical",
            target.name,
            "Packets are dropped by reverse-path filtering: the two directions differ",
            (
                target.counter("TcpExtIPReversePathFilter", "/proc/net/netstat"),
                target.fact(
                    f"net.ipv4.conf.all.rp_filter = {value}",
                    "sysctl; the larger of all and the interface counts",
                ),
            ),
            f"{LEAST} in 15 s is {CONVENTION}",
            "certain",
            "the counter stands still while connections fail",
            "# /etc/sysctl.d/99-k8s-networking.conf\n# loose: the source must be reachable by any interface. Better: make "
            "routing agree in both directions\nnet.ipv4.conf.all.rp_filter = 2\n",
            "sysctl",
            "IPReversePathFilter stands still",
            "counters",
        )
