"""Packets are dropped because answers would go another way.

Facts: docs/reference/failures.md #20.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Finding
from diagnosis.rule import CONVENTION
from diagnosis.snapshot import Snapshot

LEAST = 3


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for target in snapshot.of_kind("node", "pod", "local"):
        if target.delta("TcpExtIPReversePathFilter") < LEAST:
            continue
        value = target.values.get("sysctl net.ipv4.conf.all.rp_filter")
        yield Finding(
            rule="rp_filter",
            severity="critical",
            subject=target.subject,
            title="Packets are dropped by reverse-path filtering: the two directions differ",
            evidence=(
                target.counter("TcpExtIPReversePathFilter", "/proc/net/netstat"),
                target.fact(
                    f"net.ipv4.conf.all.rp_filter = {value}",
                    "sysctl; the larger of all and the interface counts",
                ),
            ),
            threshold=f"{LEAST} in 15 s is {CONVENTION}",
            confidence="certain",
            disproof="the counter stands still while connections fail",
            fix="# /etc/sysctl.d/99-k8s-networking.conf\n# loose: the source must be reachable by any interface. Better: make "
            "routing agree in both directions\nnet.ipv4.conf.all.rp_filter = 2\n",
            fix_kind="sysctl",
            verify="IPReversePathFilter stands still",
            screen="counters",
        )
