"""Packets that are larger than the path carries.

Facts: docs/reference/mtu.md, docs/reference/failures.md #10.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from collectors.events import LinkRow
from collectors.findings import Evidence, Finding, Subject
from diagnosis.snapshot import Snapshot, TargetView, listed

OVERHEAD = {
    "vxlan": 50,
    "geneve": 50,
    "ipip": 20,
    "sit": 20,
    "wireguard": 60,
    "gre": 24,
}  # bytes over IPv4
OVER_IPV6 = 20  # the longer header
STUCK = 2  # flows


def overhead(link: LinkRow) -> int:
    """Bytes that a tunnel adds; its local or remote address tells over which family it runs."""
    fields = link.detail.split()
    ends = [
        value
        for name, value in zip(fields[::2], fields[1::2], strict=False)
        if name in ("local", "remote", "group")
    ]
    return OVERHEAD[link.kind] + (OVER_IPV6 if any(":" in end for end in ends) else 0)


def overlays(target: TargetView) -> list[LinkRow]:
    return (
        [link for link in target.network.links if link.kind in OVERHEAD] if target.network else []
    )


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    hosts = {host.node or host.name: host for host in snapshot.hosts}
    for node in snapshot.hosts:
        yield from _underlay(node)
    for target in snapshot.of_kind("pod"):
        if host := hosts.get(target.node):
            yield from _pod(target, host)
    yield from _black_hole(snapshot)


def _pod(pod: TargetView, host: TargetView) -> Iterator[Finding]:
    own = next((k for k in (pod.network.links if pod.network else ()) if k.name == "eth0"), None)
    for overlay in overlays(host):
        if (
            own is None
            or own.mtu <= overlay.mtu
            or overlay.state == "DOWN"
            or (pod.pod and pod.pod.host_network)
        ):
            continue
        told = [
            pod.fact(f"{own.name} has MTU {own.mtu}", "ip link"),
            host.fact(f"{overlay.name} ({overlay.kind}) has MTU {overlay.mtu}", "ip link"),
        ]
        if fragments := host.delta("IpFragFails"):
            told.append(
                host.fact(f"IpFragFails +{fragments} in {host.seconds:.0f} s", "/proc/net/snmp")
            )
        yield Finding(
            rule="mtu",
            severity="critical" if fragments else "warning",
            subject=Subject(kind="node", name=pod.node, detail="pods"),
            title=f"Pods send up to {own.mtu} bytes, the overlay carries {overlay.mtu}",
            evidence=tuple(told),
            threshold=f"the MTU of {overlay.name}",
            confidence="certain",
            disproof=f"ping -M do -s {own.mtu - 28} passes to a pod of another node",
            fix=f"Set the CNI's MTU to {overlay.mtu} (flannel: net-conf.json; Calico: veth_mtu; Cilium: mtu), then restart "
            "the pods",
            fix_kind="text",
            verify=f"ping -M do -s {overlay.mtu - 28} passes, -s {overlay.mtu - 27} says 'message too long'",
            screen="node",
        )


def _underlay(host: TargetView) -> Iterator[Finding]:
    """An overlay that is larger than what is under it."""
    links = host.network.links if host.network else ()
    routes = host.network.routes if host.network else ()
    device = next((r.device for r in routes if r.destination == "default"), "")
    nic = next((link for link in links if link.name == device), None)
    nic = nic or next(
        (k for k in links if k.name.startswith(("eth", "en")) and k.kind in ("", "veth")), None
    )
    for overlay in overlays(host) if nic is not None else ():
        assert nic is not None
        added = overhead(overlay)
        need = overlay.mtu + added
        if need > nic.mtu and overlay.state != "DOWN":
            fits = nic.mtu - added
            yield Finding(
                rule="mtu",
                severity="critical",
                subject=replace(host.subject, detail=overlay.name),
                title=f"The overlay's packets ({need} bytes) do not fit into {nic.name} ({nic.mtu})",
                evidence=(
                    host.fact(f"{overlay.name} ({overlay.kind}) has MTU {overlay.mtu}", "ip link"),
                    host.fact(f"{nic.name} has MTU {nic.mtu}", "ip link"),
                ),
                threshold=f"{overlay.kind} adds {added} bytes",
                confidence="certain",
                disproof="the underlay fragments and it works",
                fix=f"ip link set {overlay.name} mtu {fits}  # and in the CNI's configuration, so that it stays",
                fix_kind="shell",
                verify=f"ping -M do -s {fits - 28} passes between pods of two nodes",
                screen="node",
            )


def _black_hole(snapshot: Snapshot) -> Iterator[Finding]:
    """Handshakes work and full-size segments are resent for ever."""
    stuck = [c for c in snapshot.conversations if c.stuck]
    failing = [host for host in snapshot.hosts if host.delta("IpFragFails")]
    flows = sum(c.stuck for c in stuck)
    if flows < STUCK and not (failing and stuck):
        return
    lost = sum(t.delta("TcpExtTCPSynRetrans") for t in snapshot.of_kind("pod"))
    if lost >= flows and not failing:
        return  # SYNs are lost as well: that is loss, whatever the size
    ends = listed(f"{snapshot.name(c.client)} → {snapshot.name(c.server)}:{c.port}" for c in stuck)
    evidence = [
        Evidence(
            f"{flows} flows resend full-size segments after timeouts: {ends}",
            "capture",
            snapshot.at,
        )
    ]
    evidence += [host.counter("IpFragFails", "/proc/net/snmp") for host in failing]
    told = sum(t.delta("IcmpInDestUnreachs") for t in snapshot.of_kind("pod"))
    evidence.append(
        Evidence(
            f"{told} ICMP 'unreachable' reached the pods that are open here",
            "/proc/net/snmp",
            snapshot.at,
        )
    )
    where = ", ".join(host.name for host in failing) or "path"
    yield Finding(
        rule="mtu",
        severity="critical",
        subject=Subject(kind="cluster", name="black hole", detail=where),
        title="Small packets pass and full-size ones do not, and the senders are not told: an MTU black hole",
        evidence=tuple(evidence),
        threshold="handshakes that succeed, then full-size segments resent after timeouts (docs/reference/mtu.md)",
        confidence="certain" if failing else "likely",
        disproof="full-size segments are seen at the receiver, or SYNs are lost, too",
        fix="Let ICMP type 3 code 4 pass, and set the pods' MTU to what the path carries: find it with ping -M do -s N "
        "between pods of two nodes; as a stopgap clamp the MSS:\niptables -t mangle -A FORWARD -p tcp --tcp-flags "
        "SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu",
        fix_kind="text",
        verify="large answers arrive; IpFragFails stands still",
        screen="flows",
    )
