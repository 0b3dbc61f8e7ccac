"""Which source address network policies see for traffic to a NodePort or a load balancer's address.

With externalTrafficPolicy Cluster, kube-proxy masquerades that traffic behind the node's address in
POSTROUTING, so a pod of another node sees the node's address. For a pod of the same node it depends
on where the network plugin enforces policies: in the FORWARD chain it is still the client's address
(Calico, kube-router), at the pod's interface the node's (Cilium with kube-proxy); eBPF in place of
kube-proxy keeps the client's address there (Cilium, Calico). (Kubernetes documentation, Virtual IPs
and Service Proxies; Netfilter's packet flow; documentation of both plugins.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from collectors.events import SettingsRow
from collectors.frozen import frozen
from diagnosis.reachability.parties import Party

Seen = Literal["client", "node", "either"]
LEAVING = (
    "whether traffic between nodes is masqueraded depends on the network plugin (natOutgoing, "
    "ip-masq)"
)
EARLY = "Cilium may translate the destination at the pod's socket, before policies are asked"
REPLACED = ("true", "strict", "partial", "probe")  # Cilium's kube-proxy-replacement, where it is on


@frozen
class SeenSources:
    """Which end policies see as the source: at a pod of the node that received the traffic, and at
    a pod of another node."""

    own_node: Seen = "either"
    other_node: Seen = "node"
    replaces_proxy: bool = False  # Cilium translates the destination at the pod's socket
    early: str = ""  # why it may do so
    early_here: str = ""  # why it may do so for a port of the pod's own node
    within: bool = False  # traffic of pods to other nodes is known not to be masqueraded


def seen_sources(settings: Iterable[SettingsRow], plugin: str) -> SeenSources:
    values = {row.name: dict(row.values) for row in settings}
    if plugin == "calico":
        return _of_calico(values)
    return _of_cilium(values.get("cilium", {})) if plugin == "cilium" else SeenSources()


def _of_calico(values: Mapping[str, Mapping[str, str]]) -> SeenSources:
    by_ebpf = values.get("calico felix", {}).get("bpfEnabled")
    if by_ebpf == "true":
        return SeenSources("client", "client")
    by_proxy = by_ebpf == "false" or "kube-proxy" in values
    pools = values.get("calico ippools", {})
    outgoing = any(k.endswith(".natOutgoing") and v == "true" for k, v in pools.items())
    within = bool(pools) and not outgoing
    return SeenSources("client", "node" if by_proxy else "either", within=within)


def _of_cilium(values: Mapping[str, str]) -> SeenSources:
    replaced = values.get("kube-proxy-replacement", "").lower()
    if not replaced:
        return SeenSources("either", "either", early=EARLY, early_here=EARLY, within=True)
    if replaced not in REPLACED:
        return SeenSources("node", "node", early_here=EARLY, within=True)
    modes: dict[str, Seen] = {"snat": "node", "": "node", "dsr": "client"}
    mode = modes.get(values.get("bpf-lb-mode", ""), "either")
    return SeenSources(
        "client", mode, replaces_proxy=True, early=EARLY, early_here=EARLY, within=True
    )


@frozen
class Senders:
    """The end that policies see as the source; `perhaps` are others it may be, and `why`."""

    sender: Party
    perhaps: tuple[Party, ...] = ()
    why: str = ""


def unmasqueraded(known: SeenSources, origin: Party, node: Party, own_node: Party) -> Senders:
    """Of traffic from `origin` to an address of `node` that `node` does not masquerade. The node of
    the sending pod, `own_node`, may masquerade it as it leaves."""
    if known.within or not origin.selectable or origin.node == node.node:
        return Senders(origin)
    return Senders(origin, (own_node,), f"{origin.name} sends to a node's address: {LEAVING}")


def senders(known: SeenSources, origin: Party, node: Party, end: Party) -> Senders:
    """Of traffic from `origin` to `end` through `node`, which masquerades it."""
    if not end.selectable or (origin.host and origin.node == node.node):
        return Senders(node)
    seen, where = _seen(known, origin, node, end)
    if seen == "either":
        either = f"whether policies see {origin.name} or {node.name}"
        why = f"{where}: {either}, which masquerades it, depends on the network plugin"
        return Senders(node, (origin,), why)
    return Senders(origin if seen == "client" else node)


def _seen(known: SeenSources, origin: Party, node: Party, end: Party) -> tuple[Seen, str]:
    """Also where the pod runs, or why that matters, as a clause for `why`."""
    if known.replaces_proxy and origin.in_cluster:
        return "either", f"{origin.name} is in the cluster, and Cilium may translate at its socket"
    if not node.node or not end.node:
        return "either", f"whether {end.name} runs on {node.name} is not known"
    if node.node == end.node:
        return known.own_node, f"{end.name} runs on {node.name}"
    return known.other_node, f"{end.name} runs on another node than {node.name}"
