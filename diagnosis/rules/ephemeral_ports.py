"""A client runs out of local ports towards one destination, or a node out of SNAT ports.

Facts: docs/reference/failures.md #8, #9.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address

from collectors.findings import Finding
from diagnosis.rule import CONVENTION
from diagnosis.snapshot import Snapshot, TargetView

WARN, BAD = 70, 90  # per cent
SNAT_PORTS = 64_512  # 1024 to 65535 (nf_nat_core.c)


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for target in snapshot.of_kind("pod", "node", "local"):
        yield from _own(snapshot, target)
    for node in snapshot.hosts:
        yield from _snat(snapshot, node)


def _own(snapshot: Snapshot, target: TargetView) -> Iterator[Finding]:
    low, high = target.values.get("port_range_low", 0), target.values.get("port_range_high", 0)
    holds = high - low + 1 if high else 0
    for destination, used in target.ports_used:
        share = min(100.0, 100 * used / holds) if holds else 0
        if share < WARN:
            continue
        address, _, port = destination.rpartition(":")
        waiting = sum(
            r.alike for r in target.sockets if r.state == "TIME-WAIT" and r.peer == address
        )
        reuse = target.values.get("sysctl net.ipv4.tcp_tw_reuse")
        yield Finding(
            rule="ephemeral_ports",
            severity="critical" if share >= BAD else "warning",
            subject=target.subject,
            title=f"{share:.0f} % of the local ports towards {snapshot.name(address)}:{port} are in use",
            evidence=(
                target.fact(
                    f"{used:,} ports in use of {holds:,} ({low} to {high})",
                    "ss, ip_local_port_range",
                ),
                target.fact(f"{waiting:,} of its sockets are in TIME-WAIT", "ss"),
                target.fact(f"tcp_tw_reuse = {reuse}", "sysctl"),
            ),
            threshold=f"the range holds {holds:,}; {WARN} and {BAD} % are {CONVENTION}",
            confidence="certain" if share >= BAD else "likely",
            disproof="connect() does not fail with EADDRNOTAVAIL, and SYNs leave the pod",
            fix="# best: keep connections open and pool them in the client\n# in the pod: "
            "securityContext.sysctls, or /etc/sysctl.d/99-k8s-networking.conf on the node\n# more ports a destination\n"
            "net.ipv4.ip_local_port_range = 1024 65000\n# a port in TIME-WAIT may be used again after a second\n"
            "net.ipv4.tcp_tw_reuse = 1\n",
            fix_kind="sysctl",
            verify="ss -tan state time-wait | wc -l falls; no connect fails at once",
            screen="sockets",
        )


def _snat(snapshot: Snapshot, node: TargetView) -> Iterator[Finding]:
    if node.conntrack is None:
        return
    pods, taken = snapshot.by_address, Counter[tuple[str, str, int]]()
    for group in node.conntrack.groups:
        inside = group.destination in pods or group.destination in snapshot.service_by_address
        if group.source in pods and not inside and _is_address(group.destination):
            taken[group.protocol, group.destination, group.port] += group.count
    for (protocol, address, port), count in taken.items():
        if (share := 100 * count / SNAT_PORTS) >= WARN:
            yield Finding(
                rule="ephemeral_ports",
                severity="critical" if share >= BAD else "warning",
                subject=replace(node.subject, detail=f"SNAT {address}:{port}"),
                title=f"{share:.0f} % of the node's SNAT ports towards {address}:{port} are in use",
                evidence=(
                    node.fact(
                        f"{count:,} {protocol} entries of {SNAT_PORTS:,} ports", "conntrack -L"
                    ),
                ),
                threshold=f"64,512 ports an address (nf_nat_core.c); {WARN} % is {CONVENTION}",
                confidence="likely",
                disproof="the node has several addresses to translate to",
                fix="More egress addresses, connection pooling, masquerade with --random-fully",
                fix_kind="text",
                verify="entries towards it fall",
                screen="conntrack",
            )


def _is_address(text: str) -> bool:
    try:
        return not ip_address(text).is_loopback
    except ValueError:
        return False
