"""NetworkPolicies as nftables rules of each node, so that verdicts can be checked by real packets.

Semantics: a pod that a policy selects for a direction is isolated in it; what any such policy
allows is accepted, replies always are. Addresses are those after Service translation. A node may
always reach its own pods (probes); what a pod sends to its node is policed, as by most plugins.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lab.api.metadata import (
    labels_of,
    name_of,
    namespace_of,
    node_of,
    on_host_network,
    ports_of,
)
from lab.api.selectors import matches_selector
from lab.api.store import Object, ObjectStore
from lab.families import FAMILIES, IPV4, IPV6, Family, pod_ips
from lab.network import Sandbox
from lab.ownership import real_pods
from lab.topology import Node

# as ARP, which no policy is asked for
NEIGHBOURS = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert }"


@dataclass(frozen=True, slots=True)
class Pod:
    namespace: str
    name: str
    addresses: tuple[str, ...]
    node: str
    labels: dict[str, str]
    namespace_labels: dict[str, str]
    ports: tuple[tuple[str, str, int], ...]  # name, protocol, number


def pods_of(store: ObjectStore) -> list[Pod]:
    """Every pod that has a network of its own, and an address in it."""
    namespaces = {name_of(one): labels_of(one) for one in store.items("namespaces")}
    pods = filter(_has_own_network, real_pods(store))
    return [_pod_of(pod, namespaces.get(namespace_of(pod), {})) for pod in pods]


def _has_own_network(pod: Object) -> bool:
    return bool(pod_ips(pod)) and not on_host_network(pod)


def _pod_of(pod: Object, namespace_labels: dict[str, str]) -> Pod:
    return Pod(
        namespace=namespace_of(pod),
        name=name_of(pod),
        addresses=tuple(pod_ips(pod)),
        node=node_of(pod),
        labels=labels_of(pod),
        namespace_labels=namespace_labels,
        ports=tuple(_ports_of(pod)),
    )


def _ports_of(pod: Object) -> Iterator[tuple[str, str, int]]:
    for port in ports_of(pod):
        yield port.get("name", ""), port.get("protocol", "TCP"), int(port["containerPort"])


def selects(policy: Object, pod: Pod, direction: str) -> bool:
    spec = policy["spec"]
    isolates = direction in spec.get("policyTypes", ["Ingress"])
    chosen = matches_selector(spec.get("podSelector") or {}, pod.labels)
    return isolates and chosen and namespace_of(policy) == pod.namespace


def _peer_addresses(peer: Object, namespace: str, pods: Sequence[Pod], family: Family) -> list[str]:
    """nft set elements of one `from` or `to` entry."""
    if block := peer.get("ipBlock"):
        cidr = block["cidr"]
        return _without(cidr, block.get("except") or ()) if family.has(cidr) else []
    found = (family.of(pod.addresses) for pod in pods if _is_peer(pod, peer, namespace))
    return list(filter(None, found))


def _is_peer(pod: Pod, peer: Object, namespace: str) -> bool:
    """Whether a `from` or `to` entry of a policy in that namespace selects a pod."""
    chosen = matches_selector(peer.get("podSelector") or {}, pod.labels)
    return chosen and _is_in_namespace(pod, peer, namespace)


def _is_in_namespace(pod: Pod, peer: Object, namespace: str) -> bool:
    if "namespaceSelector" not in peer:
        return pod.namespace == namespace
    return matches_selector(peer["namespaceSelector"] or {}, pod.namespace_labels)


def _without(cidr: str, holes: Iterable[str]) -> list[str]:
    """A block less its exceptions, as blocks."""
    left: list[Any] = [ipaddress.ip_network(cidr, strict=False)]
    for hole in holes:
        network = ipaddress.ip_network(hole, strict=False)
        left = [part for block in left for part in _less(block, network)]
    return [str(block) for block in left]


def _less(block: Any, hole: Any) -> Iterable[Any]:
    """What is left of a block."""
    if hole.version != block.version or not hole.overlaps(block):
        return [block]
    return block.address_exclude(hole) if hole.subnet_of(block) else []


def _port_match(port: Object, target: Pod | None) -> list[str]:
    """nft matches of one port; a named one is looked up in the pod that receives."""
    protocol, number = port.get("protocol", "TCP").lower(), port.get("port")
    if number is None:
        return [f"meta l4proto {protocol}"]
    if isinstance(number, str):
        return [f"{protocol} dport {known}" for known in _numbers(number, protocol, target)]
    end = f"-{port['endPort']}" if port.get("endPort") else ""
    return [f"{protocol} dport {number}{end}"]


def _numbers(name: str, protocol: str, pod: Pod | None) -> list[int]:
    """Of the ports that a pod names so."""
    ports = pod.ports if pod else ()
    return [number for own, kind, number in ports if (own, kind.lower()) == (name, protocol)]


def _allowances(
    policy: Object, pod: Pod, direction: str, *, pods: Sequence[Pod], family: Family
) -> list[str]:
    """The accepting rules that one policy gives one pod."""
    key, side, field = (
        ("ingress", "from", "saddr") if direction == "Ingress" else ("egress", "to", "daddr")
    )
    found = []
    for rule in policy["spec"].get(key) or ():
        addresses: list[str] = []
        for peer in rule.get(side) or ():
            addresses += _peer_addresses(peer, namespace_of(policy), pods, family)
        if rule.get(side) and not addresses:
            continue
        peers = f"{family.keyword} {field} {_set_of(addresses)} " if addresses else ""
        for match in _matches(rule.get("ports") or (), direction, pod, pods=pods, family=family):
            found.append(f"{peers}{match}counter accept")
    return found


def _set_of(addresses: Iterable[str]) -> str:
    """An anonymous nft set: overlapping blocks, which nft refuses, are joined."""
    blocks: Iterable[Any] = ipaddress.collapse_addresses(map(ipaddress.ip_network, addresses))
    return f"{{ {', '.join(map(str, blocks))} }}"


def _matches(
    ports: Sequence[Object], direction: str, pod: Pod, *, pods: Sequence[Pod], family: Family
) -> list[str]:
    if not ports:
        return [""]
    found = []
    for port in ports:
        if isinstance(port.get("port"), str) and direction == "Egress":
            for other in (p for p in pods if family.of(p.addresses)):
                to = f"{family.keyword} daddr {family.of(other.addresses)}"
                found += [f"{to} {m} " for m in _port_match(port, other)]
        else:
            found += [f"{m} " for m in _port_match(port, pod)]
    return found


def rules(node: str, pods: Sequence[Pod], policies: Sequence[Object], family: Family = IPV4) -> str:
    """The node's policy table of one family as an nft script that replaces what was there."""
    chains: list[str] = []
    jumps: dict[str, list[str]] = {"Egress": [], "Ingress": []}
    for pod in (p for p in pods if p.node == node and family.of(p.addresses)):
        for direction, field in (("Egress", "saddr"), ("Ingress", "daddr")):
            mine = [p for p in policies if selects(p, pod, direction)]
            if not mine:
                continue
            address = family.of(pod.addresses)
            name = f"{direction.lower()}_{address.replace('.', '_').replace(':', '_')}"
            chains.append(_chain(name, mine, pod, direction, pods=pods, family=family))
            line = f"    {family.keyword} {field} {address} jump {name}\n"
            jumps[direction].append(line)
    table, egress = f"{family.keyword} policies", "".join(jumps["Egress"])
    neighbours = f"    {NEIGHBOURS} accept\n" if family is IPV6 else ""
    return f"""table {table}
delete table {table}
table {table} {{
{"".join(chains)}  chain forward {{ type filter hook forward priority filter; policy accept;
    ct state established,related accept
{neighbours}{egress}{"".join(jumps["Ingress"])}  }}
  chain input {{ type filter hook input priority filter; policy accept;
    ct state established,related accept
{neighbours}{egress}  }}
}}
"""


def _chain(
    name: str,
    policies: Sequence[Object],
    pod: Pod,
    direction: str,
    *,
    pods: Sequence[Pod],
    family: Family,
) -> str:
    """What any of the policies allows returns; the rest is dropped."""
    allowed = [
        rule for p in policies for rule in _allowances(p, pod, direction, pods=pods, family=family)
    ]
    lines = "".join(
        f"    {rule.replace('counter accept', 'counter return')}\n"
        for rule in dict.fromkeys(allowed)
    )
    return f"  chain {name} {{\n{lines}    counter drop\n  }}\n"


class PolicyAgent:
    """Enforces the store's NetworkPolicies on every node."""

    def __init__(self, store: ObjectStore, nodes: Sequence[tuple[Node, Sandbox]]) -> None:
        self.store = store
        self._nodes = nodes
        self._loaded: dict[str, str] = {}

    async def sync(self) -> None:
        """Load what has changed; LabError where nft refuses it."""
        policies = list(self.store.items("networkpolicies"))
        pods = pods_of(self.store) if policies or self._loaded else []
        for node, sandbox in self._nodes:
            script = self._script(node, pods, policies)
            if script != self._loaded.get(node.name, self._script(node, [], [])):
                await sandbox.load_rules(script)
                self._loaded[node.name] = script

    def _script(self, node: Node, pods: Sequence[Pod], policies: Sequence[Object]) -> str:
        families = [family for family in FAMILIES if family.of(node.addresses)]
        return "".join(rules(node.name, pods, policies, family) for family in families)
