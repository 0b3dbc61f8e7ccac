"""Pods of another node are reached over an overlay where the CNI is set to route natively.

Facts: docs/reference/mtu.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from collectors.findings import Finding
from collectors.frozen import frozen
from diagnosis.node_routes import PodRoute, pod_route, same_subnet
from diagnosis.rule import Rule
from diagnosis.rules._agents import restart_daemonset
from diagnosis.rules._cni_intent import NativeRouting, native_routing
from diagnosis.snapshot import Snapshot, TargetView, listed

RULE = Rule(
    id="overlay_fallback",
    title="An overlay is in use where the CNI is set to route natively",
    scope="node",
    stage="cause",
    inputs=("links", "settings", "nodes"),
    symptoms=("slow", "nodes", "large"),
    screen="node",
    criterion="the route to a pod of another node against the CNI's own configuration",
    false_friends=(
        "the setting was changed a moment ago and the agents have not read it",
        "the device encrypts (WireGuard), whatever the routing",
    ),
    confidence="certain",
    fix_kind="shell",
)
FIXES = {
    "flannel": "{restart}  # a backend is chosen at start; if it stays, its log says why "
    "DirectRouting is not used",
    "Calico": "kubectl get nodes -o custom-columns=NODE:.metadata.name,"
    "IP:.metadata.annotations.'projectcalico\\.org/IPv4Address'  # a node registered with /32 is "
    "its own subnet: set IP_AUTODETECTION_METHOD and restart calico-node",
    "Cilium": "{restart}  # routing-mode is read at start; native routing "
    'across nodes of one L2 needs auto-direct-node-routes: "true"',
    "Antrea": ("{restart}  # if it stays, compare the two nodes' subnets"),
}
WIREGUARD = ("wireguard.cali", "wg-v6.cali", "cilium_wg0", "antrea-wg0")
AGENTS = {
    "flannel": ("kube-flannel", "kube-flannel"),
    "Calico": ("calico-node", "kube-system"),
    "Cilium": ("cilium", "kube-system"),
    "Antrea": ("antrea-agent", "kube-system"),
}  # the DaemonSet, and its namespace where it is not seen


def _restart(snapshot: Snapshot, cni: str) -> str:
    return restart_daemonset(snapshot, *AGENTS[cni])


@frozen
class Tunnelled:
    """A node whose pods are reached in a tunnel although the CNI is asked to route natively."""

    node: str
    path: PodRoute
    subnet: str
    asked: NativeRouting


def evaluate(snapshot: Snapshot) -> Iterator[Finding]:
    for host in snapshot.of_kind("node"):
        if tunnelled := list(_tunnelled(snapshot, host)):
            yield _finding(snapshot, host, tunnelled)


def _tunnelled(snapshot: Snapshot, host: TargetView) -> Iterator[Tunnelled]:
    for other in snapshot.nodes:
        path = pod_route(snapshot, host, other) if other.name != host.node else None
        if path is None or not path.overlay or _encrypts(host, path.route.device):
            continue
        asked, subnet = native_routing(snapshot, path.pod), same_subnet(host, other)
        if asked is not None and (asked.reach == "always" or subnet):
            yield Tunnelled(other.name, path, subnet, asked)


def _encrypts(host: TargetView, device: str) -> bool:
    """Whether it is WireGuard's, which is asked for by a setting of its own beside the routing."""
    kind = next((link.kind for link in host.links if link.name == device), "")
    return kind == "wireguard" or device.startswith(WIREGUARD)


def _finding(snapshot: Snapshot, host: TargetView, tunnelled: list[Tunnelled]) -> Finding:
    first = tunnelled[0]
    asked, route = first.asked, first.path.route
    others = listed(one.node for one in tunnelled)
    evidence = [
        snapshot.fact(asked.setting, asked.source, "global setting"),
        host.fact(
            f"{route.destination} dev {route.device}: the route to {first.path.pod}", "ip route"
        ),
    ]
    if first.subnet:
        text = f"{others} is in this node's own subnet {first.subnet}"
        evidence.append(host.fact(text, "ip addr"))
    return RULE.finding(
        subject=host.subject,
        title=f"Pods of {others} are reached over {route.device}, where {asked.cni} is set to "
        "route natively",
        evidence=evidence,
        fix=FIXES[asked.cni].replace("{restart}", _restart(snapshot, asked.cni)),
        verify=f"ip route get {first.path.pod} names the node's own interface",
    )
