"""A client runs out of local ports towards one destination, or a node out of SNAT ports.

Facts: docs/reference/sockets.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address

from collectors.events import ConntrackGroup
from collectors.findings import Evidence, Finding
from diagnosis.rule import CONVENTION, Rule, Threshold, level
from diagnosis.snapshot import Snapshot, TargetView

WARNING = Threshold("warning from", 70, "% of the ports towards one destination", CONVENTION)
CRITICAL = Threshold("critical from", 90, "%", CONVENTION)
SNAT_PORTS = Threshold(
    "a node has", 64_512, "SNAT ports per destination", "nf_nat_core.c: 1024 to 65535"
)
RULE = Rule(
    id="ephemeral_ports",
    title="Local ports towards one destination run out: connect fails with EADDRNOTAVAIL",
    scope="pod or node",
    stage="cause",
    inputs=("sockets", "port_range_low", "port_range_high", "sysctls", "conntrack"),
    symptoms=("connect", "timeout", "load"),
    screen="sockets",
    thresholds=(WARNING, CRITICAL, SNAT_PORTS),
    false_friends=(
        "connect() does not fail with EADDRNOTAVAIL, and SYNs leave the pod",
        "the node has several addresses to translate to",
    ),
)
FIX = """# best: keep connections open and pool them in the client
# in the pod: securityContext.sysctls, or /etc/sysctl.d/99-k8s-networking.conf on the node
# more ports per destination
net.ipv4.ip_local_port_range = 1024 65000
# a port in TIME-WAIT may be used again after one second
net.ipv4.tcp_tw_reuse = 1
"""


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for target in snapshot.counted:
        yield from _own(snapshot, target)
    for node in snapshot.hosts:
        yield from _snat(snapshot, node)


def _own(snapshot: Snapshot, target: TargetView) -> Iterator[Finding]:
    available = _local_ports(target)
    for destination, in_use in target.ports_used if available else ():
        used = in_use - _usable_again(target, destination)
        share = min(100.0, 100 * used / len(available))
        if severity := level(share, WARNING, CRITICAL):
            yield RULE.finding(
                subject=target.subject,
                severity=severity,
                title=f"{share:.0f} % of the local ports towards {_peer(snapshot, destination)} "
                "are in use",
                evidence=_own_evidence(target, destination, used),
                confidence="certain" if severity == "critical" else "likely",
                disproof=RULE.false_friends[0],
                fix=FIX,
                fix_kind="sysctl",
                verify="ss -tan state time-wait | wc -l falls; no connect fails at once",
            )


def _usable_again(target: TargetView, destination: str) -> int:
    """Ports in TIME-WAIT, of which each may be used again after a second (tcp_tw_reuse 1; 2, the
    kernel's own: on the loopback, as from a sidecar to its pod; ip-sysctl)."""
    reuse = target.sysctl("net.ipv4.tcp_tw_reuse")
    if reuse == 1 or (reuse == 2 and _is_loopback(destination.rpartition(":")[0])):
        return _time_wait(target, destination)
    return 0


def _is_loopback(address: str) -> bool:
    return address.startswith("127.") or address in ("::1", "::ffff:127.0.0.1")


def _local_ports(target: TargetView) -> range:
    """Empty where it is not known."""
    low, high = target.values.get("port_range_low", 0), target.values.get("port_range_high", 0)
    return range(low, high + 1) if high else range(0)


def _peer(snapshot: Snapshot, destination: str) -> str:
    address, _, port = destination.rpartition(":")
    return f"{snapshot.name(address)}:{port}"


def _own_evidence(target: TargetView, destination: str, used: int) -> Iterator[Evidence]:
    ports = _local_ports(target)
    waiting = _time_wait(target, destination)
    bounds = f"{ports.start} to {ports.stop - 1}"
    yield target.fact(
        f"{used:,} ports in use of {len(ports):,} ({bounds})", "ss, ip_local_port_range"
    )
    yield target.fact(f"{waiting:,} of its sockets are in TIME-WAIT", "ss")
    yield target.fact(f"tcp_tw_reuse = {target.sysctl('net.ipv4.tcp_tw_reuse')}", "sysctl")


def _time_wait(target: TargetView, destination: str) -> int:
    """Sockets towards that address and port."""
    waiting = (row for row in target.sockets if row.state == "TIME-WAIT")
    return sum(row.alike for row in waiting if f"{row.peer}:{row.peer_port}" == destination)


def _snat(snapshot: Snapshot, node: TargetView) -> Iterator[Finding]:
    for (protocol, address, port), count in _snat_ports(snapshot, node).items():
        share = min(100.0, 100 * count / SNAT_PORTS.value)
        severity = level(share, WARNING, CRITICAL)
        if severity is None or _keep_their_address(node, address):
            continue
        yield RULE.finding(
            subject=replace(node.subject, detail=f"SNAT {address}:{port}"),
            severity=severity,
            title=f"{share:.0f} % of the node's SNAT ports towards {address}:{port} are in use",
            evidence=_snat_evidence(node, count, protocol),
            disproof=RULE.false_friends[1],
            fix="More egress addresses, connection pooling, masquerade with --random-fully",
            verify="entries towards it fall",
            screen="conntrack",
        )


def _snat_evidence(node: TargetView, count: int, protocol: str) -> Iterator[Evidence]:
    text = f"{count:,} {protocol} entries of {SNAT_PORTS.value:,g} ports"
    yield node.fact(text, "conntrack -L")


def _snat_ports(snapshot: Snapshot, node: TargetView) -> Counter[tuple[str, str, int]]:
    """Entries that leave the cluster, by (protocol, address, port) of their destination."""
    used = Counter[tuple[str, str, int]]()
    for group in node.conntrack_groups:
        if _leaves_the_cluster(snapshot, group):
            used[group.protocol, group.destination, group.port] += group.count
    return used


def _leaves_the_cluster(snapshot: Snapshot, group: ConntrackGroup) -> bool:
    return group.source in snapshot.by_address and _is_outside(snapshot, group.destination)


def _is_outside(snapshot: Snapshot, address: str) -> bool:
    """Neither a pod's nor a Service's."""
    if address in snapshot.by_address or address in snapshot.service_by_address:
        return False
    return _is_address(address)


def _is_address(text: str) -> bool:
    try:
        return not ip_address(text).is_loopback
    except ValueError:
        return False


def _keep_their_address(node: TargetView, address: str) -> bool:
    """Whether pods are seen to leave the node for an address with their own."""
    rows = [row for row in node.paths if row.asked == address and row.sent_as]
    return bool(rows) and all(row.sent_as == row.client for row in rows)
