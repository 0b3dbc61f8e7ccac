"""An overlay in use where native routing was meant, and the two directions of a path that differ.

Facts: docs/reference/mtu.md, 'Overlay and native routing'.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from collectors.findings import Evidence, Finding, Subject
from diagnosis.node_routes import (
    Way,
    network,
    same_subnet,
    way,
)
from diagnosis.snapshot import Snapshot, TargetView, listed

ALWAYS, SUBNET = "always", "subnet"  # native everywhere, or between nodes of one subnet
Wish = tuple[
    str, str, str, str
]  # when, the CNI, the setting as it is written, the object that it is of


def wish(snapshot: Snapshot, pod: str) -> Wish | None:
    """Where the CNI's configuration asks for native routing to a pod's address; None where it does not."""
    rows = {row.name: (dict(row.values), row.source) for row in snapshot.settings}
    if found := rows.get("flannel"):
        values, source = found
        kind = values.get("Backend.Type", "")
        if kind == "host-gw":
            return ALWAYS, "flannel", "Backend.Type host-gw", source
        if kind in ("vxlan", "ipip") and values.get("Backend.DirectRouting") == "true":
            return SUBNET, "flannel", "Backend.DirectRouting true", source
    if found := rows.get("calico ippools"):
        return _calico(*found, pod)
    if found := rows.get("cilium"):
        values, source = found
        if values.get("routing-mode") == "native":
            return ALWAYS, "Cilium", "routing-mode native", source
        if values.get("tunnel") == "disabled":
            return ALWAYS, "Cilium", "tunnel disabled", source
    if found := rows.get("antrea"):
        values, source = found
        when = {"noEncap": ALWAYS, "hybrid": SUBNET}.get(values.get("trafficEncapMode", ""))
        if when:
            return when, "Antrea", f"trafficEncapMode {values['trafficEncapMode']}", source
    return None


def _calico(values: dict[str, str], source: str, pod: str) -> Wish | None:
    address = ip_address(pod)
    for name in sorted({key.rpartition(".")[0] for key in values}):
        cidr = network(values.get(f"{name}.cidr", ""))
        if cidr is None or cidr.version != address.version or address not in cidr:
            continue
        modes = {mode: values.get(f"{name}.{mode}", "Never") for mode in ("ipipMode", "vxlanMode")}
        told = f"pool {name}: " + ", ".join(f"{mode} {value}" for mode, value in modes.items())
        if "Always" in modes.values():
            return None
        return (SUBNET if "CrossSubnet" in modes.values() else ALWAYS), "Calico", told, source
    return None


FIXES = {
    "flannel": "kubectl -n kube-flannel rollout restart daemonset kube-flannel-ds  # a backend is chosen at start; then "
    "look at its log for why DirectRouting is not used",
    "Calico": "kubectl get nodes -o custom-columns=NODE:.metadata.name,IP:.metadata.annotations."
    "'projectcalico\\.org/IPv4Address'  # a node registered with /32 is its own subnet: set IP_AUTODETECTION_METHOD and "
    "restart calico-node",
    "Cilium": "kubectl -n kube-system rollout restart daemonset cilium  # routing-mode is read at start; native routing "
    'across nodes of one L2 needs auto-direct-node-routes: "true"',
    "Antrea": "kubectl -n kube-system rollout restart daemonset antrea-agent  # then compare the two nodes' subnets",
}


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    ways: dict[tuple[str, str], Way] = {}
    for host in snapshot.of_kind("node"):
        for other in snapshot.nodes:
            if other.name != host.node and (found := way(snapshot, host, other)):
                ways[host.node, other.name] = found
    for host in snapshot.of_kind("node"):
        yield from _fallback(snapshot, host, ways)
    yield from _directions(snapshot, ways)


def _fallback(
    snapshot: Snapshot, host: TargetView, ways: dict[tuple[str, str], Way]
) -> Iterator[Finding]:
    astray: list[tuple[str, Way, str, Wish]] = []
    for other in snapshot.nodes:
        found = ways.get((host.node, other.name))
        wanted = wish(snapshot, found.pod) if found and found.overlay else None
        if found is None or wanted is None:
            continue
        subnet = same_subnet(host, other)
        if wanted[0] == ALWAYS or subnet:
            astray.append((other.name, found, subnet, wanted))
    if not astray:
        return
    _, first, subnet, (_, cni, setting, source) = astray[0]
    others = listed(name for name, *_ in astray)
    evidence = [
        Evidence(f"{setting}", source, snapshot.at, "global setting"),
        host.fact(
            f"{first.route.destination} dev {first.route.device}: the way to {first.pod}",
            "ip route",
        ),
    ]
    if subnet:
        evidence.append(host.fact(f"{others} is in this node's own subnet {subnet}", "ip addr"))
    yield Finding(
        rule="overlay_fallback",
        severity="warning",
        subject=host.subject,
        title=f"Pods of {others} are reached over {first.route.device}, where {cni} is set to route natively",
        evidence=tuple(evidence),
        threshold=f"the CNI's own configuration: {setting}",
        confidence="certain",
        disproof="the setting was changed a moment ago and the agents have not read it",
        fix=FIXES[cni],
        fix_kind="shell",
        verify=f"ip route get {first.pod} names the node's own interface",
        screen="node",
    )


def _directions(snapshot: Snapshot, ways: dict[tuple[str, str], Way]) -> Iterator[Finding]:
    """One way natively, the other in a tunnel: replies are dropped where a firewall or the CNI expects one of them."""
    for (here, there), found in ways.items():
        back = ways.get((there, here))
        if back is None or here > there or found.overlay == back.overlay:
            continue
        tunnel, native = (found, back) if found.overlay else (back, found)
        yield Finding(
            rule="asymmetric_path",
            severity="warning",
            subject=Subject(kind="node", name=here, detail=f"↔ {there}"),
            title=f"One direction goes over {tunnel.route.device}, the other natively over {native.route.device}",
            evidence=(
                Evidence(
                    f"{found.route.destination} dev {found.route.device}",
                    "ip route",
                    snapshot.at,
                    f"node {here}",
                ),
                Evidence(
                    f"{back.route.destination} dev {back.route.device}",
                    "ip route",
                    snapshot.at,
                    f"node {there}",
                ),
            ),
            threshold="both directions agree (docs/reference/mtu.md)",
            confidence="certain",
            disproof="both ways carry traffic and MTUs fit",
            fix="kubectl -n kube-system get pods -o wide  # the CNI agents of the two nodes: same version and configuration? "
            "Restart the older one",
            fix_kind="shell",
            verify="ip route get names the same kind of device on both",
            screen="node",
        )
