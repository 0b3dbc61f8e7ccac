"""Packets that interfaces drop, damage or may not pass.

Facts: docs/reference/counters.md, docs/reference/failures.md #5, #11, #25.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from collectors.findings import Finding
from diagnosis.rule import CONVENTION
from diagnosis.snapshot import Snapshot, TargetView, listed

SHARE = 1.0  # per cent of packets (node_exporter mixin)
LEAST = 10


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for host in snapshot.of_kind("pod", "node", "local"):
        yield from _interfaces(host)
        yield from _driver(host)
        yield from _checksums(host)
        fails = host.delta("IpReasmFails")
        if fails >= LEAST:
            yield Finding(
                rule="reassembly",
                severity="warning",
                subject=host.subject,
                title="Fragments arrive that cannot be put together again: some are lost",
                evidence=(host.counter("IpReasmFails", "/proc/net/snmp"),),
                threshold=f"{LEAST} in 15 s is {CONVENTION}",
                confidence="possible",
                disproof="",
                fix="Avoid fragments: an MTU that fits the path (docs/reference/mtu.md); let fragments pass firewalls",
                fix_kind="text",
                verify="IpReasmFails stands still",
                screen="counters",
            )


def _interfaces(host: TargetView) -> Iterator[Finding]:
    for name in {n.split("/")[1] for n in host.deltas if n.startswith("dev/")}:
        for side in ("rx", "tx"):
            passed = host.delta(f"dev/{name}/{side}_packets")
            lost = {kind: host.delta(f"dev/{name}/{side}_{kind}") for kind in ("errs", "drop")}
            total = sum(lost.values())
            if total >= LEAST and 100 * total > SHARE * (passed + total):
                told = ", ".join(f"{count} {kind}" for kind, count in lost.items() if count)
                yield Finding(
                    rule="nic_drops",
                    severity="warning",
                    subject=replace(host.subject, detail=name),
                    title=f"{name} loses {100 * total / (passed + total):.1f} % of the packets it "
                    f"{'receives' if side == 'rx' else 'sends'}",
                    evidence=(
                        host.fact(
                            f"{told} beside {passed:,} packets in {host.seconds:.0f} s",
                            "/proc/net/dev",
                        ),
                    ),
                    threshold="1 % of packets (node_exporter mixin)",
                    confidence="likely",
                    disproof="the same on hosts that are well",
                    fix=f"ethtool -S {name}; ethtool -g {name}  # the ring may be larger: ethtool -G {name} rx 4096",
                    fix_kind="shell",
                    verify="drops and errors stand still",
                    screen="node",
                )


def _driver(host: TargetView) -> Iterator[Finding]:
    over = {
        n: d
        for n, d in host.deltas.items()
        if n.startswith("ethtool/") and n.endswith("allowance_exceeded") and d > 0
    }
    for name, delta in over.items():
        _, device, what = name.split("/", 2)
        hint = {
            "linklocal": "1,024 packets a second to the VPC's DNS and metadata: NodeLocal DNSCache, more DNS replicas",
            "conntrack": "the instance's own connection tracking is full: a larger instance, fewer connections",
        }.get(what.split("_")[0], "a larger instance, or less traffic a node")
        yield Finding(
            rule="nic_allowance",
            severity="critical",
            subject=replace(host.subject, detail=f"{device} {what}"),
            title=f"The cloud drops packets: {what} of {device}",
            evidence=(
                host.fact(f"{what} +{delta} in {host.seconds:.0f} s", f"ethtool -S {device}"),
            ),
            threshold="any is a dropped packet (AWS ENA)",
            confidence="certain",
            disproof="",
            fix=hint,
            fix_kind="text",
            verify=f"ethtool -S {device} | grep {what} stands still",
            screen="counters",
        )


def _checksums(host: TargetView) -> Iterator[Finding]:
    bad = host.delta("UdpInCsumErrors", "TcpInCsumErrors")
    if bad >= 3:
        tunnels = [
            k.name
            for k in (host.network.links if host.network else ())
            if k.kind in ("vxlan", "geneve")
        ]
        device = tunnels[0] if tunnels else "DEVICE"
        yield Finding(
            rule="checksum",
            severity="warning",
            subject=host.subject,
            title="Packets arrive with wrong checksums: a tunnel's offload is broken",
            evidence=(
                host.counter("UdpInCsumErrors", "/proc/net/snmp"),
                host.counter("TcpInCsumErrors", "/proc/net/snmp"),
                host.fact(f"tunnels here: {listed(tunnels) or 'none'}", "ip link"),
            ),
            threshold=f"3 in 15 s is {CONVENTION}; kernels to 5.7 had it (k/k#88986)",
            confidence="possible",
            disproof="the checksums are right on the wire",
            fix=f"ethtool -K {device} tx-checksum-ip-generic off",
            fix_kind="shell",
            verify="InCsumErrors stand still",
            screen="counters",
        )
