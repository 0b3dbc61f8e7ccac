"""As whose address policies see what a node lets in by a node port or a load balancer's address.

kube-proxy masquerades it behind the node's address (externalTrafficPolicy Cluster) as the last
thing before it leaves: another node's pod sees the node. At a pod of that very node it depends on
where the network plugin holds its policies: in the FORWARD chain it is the client's address still
(Calico, kube-router), at the pod's interface it is the node's (Cilium beside kube-proxy), and eBPF
in place of kube-proxy leaves it alone there (Cilium, Calico). (Kubernetes documentation, Virtual
IPs and Service Proxies; Netfilter's packet flow; documentation of both plugins.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from collectors.events import SettingsRow
from collectors.frozen import frozen
from diagnosis.reachability.parties import Party

Seen = Literal["client", "node", "either"]
LEAVING = (
    "whether what leaves its own node for another node is masqueraded depends on the network "
    "plugin (natOutgoing, ip-masq)"
)
EARLY = "Cilium may translate the destination at the pod's socket, before policies are asked"
KEPT = ("true", "strict", "partial", "probe")  # kube-proxy-replacement of Cilium, where it is on


@frozen
class SeenSources:
    """The end that policies see at a pod of the node that masquerades, and at one elsewhere."""

    own_node: Seen = "either"
    other_node: Seen = "node"
    replaces_proxy: bool = False  # Cilium translates what pods send before it leaves them
    early: str = ""  # why that may be so
    early_here: str = ""  # the same of the pod's own node, by whose port it goes
    within: bool = False  # whether what pods send to other nodes is known to be masqueraded nowhere


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
    if replaced not in KEPT:
        return SeenSources("node", "node", early_here=EARLY, within=True)
    modes: dict[str, Seen] = {"snat": "node", "": "node", "dsr": "client"}
    mode = modes.get(values.get("bpf-lb-mode", ""), "either")
    return SeenSources(
        "client", mode, replaces_proxy=True, early=EARLY, early_here=EARLY, within=True
    )


@frozen
class Senders:
    """The end that policies see; `perhaps` is another that may be, because of `why`."""

    sender: Party
    perhaps: tuple[Party, ...] = ()
    why: str = ""


def kept(known: SeenSources, origin: Party, node: Party, own_node: Party) -> Senders:
    """Of what `origin` sends to an address of `node`, which leaves the source alone: a pod's may
    be masqueraded as `own_node`, its own, as it leaves that."""
    if known.within or not origin.selectable or origin.node == node.node:
        return Senders(origin)
    return Senders(origin, (own_node,), f"{origin.name} sends to a node's address: {LEAVING}")


def senders(known: SeenSources, origin: Party, node: Party, end: Party) -> Senders:
    """Of what comes from `origin` to `end` by `node`, which masquerades it."""
    if not end.selectable or (origin.host and origin.node == node.node):
        return Senders(node)
    seen, where = _seen(known, origin, node, end)
    if seen == "either":
        either = f"whether policies see {origin.name} or {node.name}"
        why = f"{where}: {either}, which masquerades it, depends on the network plugin"
        return Senders(node, (origin,), why)
    return Senders(origin if seen == "client" else node)


def _seen(known: SeenSources, origin: Party, node: Party, end: Party) -> tuple[Seen, str]:
    """And where the pod runs, as a clause."""
    if known.replaces_proxy and origin.in_cluster:
        return "either", f"{origin.name} is in the cluster, and Cilium may translate at its socket"
    if not node.node or not end.node:
        return "either", f"whether {end.name} runs on {node.name} is not known"
    if node.node == end.node:
        return known.own_node, f"{end.name} runs on {node.name}"
    return known.other_node, f"{end.name} runs on another node than {node.name}"
