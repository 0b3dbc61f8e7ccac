"""NetworkPolicies as nftables rules of each node, so that verdicts can be checked by real packets.

Semantics: a pod that a policy selects for a direction is isolated in it; what any such policy
allows is accepted, replies always are. Addresses are those after Service translation. A node may
always reach its own pods (probes).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lab.api.selectors import matches_selector
from lab.api.store import Object, ObjectStore
from lab.network import Sandbox, run
from lab.ownership import real_pods
from lab.topology import Node


@dataclass(frozen=True, slots=True)
class Pod:
    namespace: str
    name: str
    address: str
    node: str
    labels: dict[str, str]
    namespace_labels: dict[str, str]
    ports: tuple[tuple[str, str, int], ...]  # name, protocol, number


def pods_of(store: ObjectStore) -> list[Pod]:
    """Every pod that has a network of its own, and an address in it."""
    namespaces = {
        n["metadata"]["name"]: n["metadata"].get("labels", {}) for n in store.items("namespaces")
    }
    return [
        _pod_of(pod, namespaces.get(pod["metadata"]["namespace"], {}))
        for pod in real_pods(store)
        if pod.get("status", {}).get("podIP") and not pod["spec"].get("hostNetwork")
    ]


def _pod_of(pod: Object, namespace_labels: dict[str, str]) -> Pod:
    metadata, spec = pod["metadata"], pod["spec"]
    ports = [port for container in spec["containers"] for port in container.get("ports", ())]
    return Pod(
        namespace=metadata["namespace"],
        name=metadata["name"],
        address=pod["status"]["podIP"],
        node=spec["nodeName"],
        labels=metadata.get("labels", {}),
        namespace_labels=namespace_labels,
        ports=tuple(
            (p.get("name", ""), p.get("protocol", "TCP"), int(p["containerPort"])) for p in ports
        ),
    )


def selects(policy: Object, pod: Pod, direction: str) -> bool:
    spec = policy["spec"]
    return (
        policy["metadata"]["namespace"] == pod.namespace
        and direction in spec.get("policyTypes", ["Ingress"])
        and matches_selector(spec.get("podSelector") or {}, pod.labels)
    )


def _peer_addresses(peer: Object, namespace: str, pods: Sequence[Pod]) -> list[str]:
    """nft set elements of one `from` or `to` entry."""
    if block := peer.get("ipBlock"):
        return _without(block["cidr"], block.get("except") or ())
    found = []
    for pod in pods:
        if "namespaceSelector" in peer:
            if not matches_selector(peer["namespaceSelector"] or {}, pod.namespace_labels):
                continue
        elif pod.namespace != namespace:
            continue
        if matches_selector(peer.get("podSelector") or {}, pod.labels):
            found.append(pod.address)
    return found


def _without(cidr: str, holes: Iterable[str]) -> list[str]:
    """An IPv4 block less its exceptions, as blocks; nothing for IPv6, which the lab does not
    have."""
    if ":" in cidr:
        return []
    left = [ipaddress.IPv4Network(cidr, strict=False)]
    for hole in (ipaddress.IPv4Network(h, strict=False) for h in holes if ":" not in h):
        parts: list[ipaddress.IPv4Network] = []
        for block in left:
            if hole.subnet_of(block):
                parts += block.address_exclude(hole)
            elif not block.subnet_of(hole):
                parts.append(block)
        left = parts
    return [str(b) for b in left]


def _port_match(port: Object, target: Pod | None) -> list[str]:
    """nft matches of one port; a named one is looked up in the pod that receives."""
    protocol = port.get("protocol", "TCP").lower()
    number = port.get("port")
    if number is None:
        return [f"meta l4proto {protocol}"]
    if isinstance(number, str):
        known = target.ports if target else ()
        return [
            f"{protocol} dport {n}"
            for name, kind, n in known
            if name == number and kind.lower() == protocol
        ]
    if port.get("endPort"):
        return [f"{protocol} dport {number}-{port['endPort']}"]
    return [f"{protocol} dport {number}"]


def _allowances(policy: Object, pod: Pod, direction: str, pods: Sequence[Pod]) -> list[str]:
    """The accepting rules that one policy gives one pod."""
    key, side, field = (
        ("ingress", "from", "saddr") if direction == "Ingress" else ("egress", "to", "daddr")
    )
    found = []
    for rule in policy["spec"].get(key) or ():
        addresses: list[str] = []
        for peer in rule.get(side) or ():
            addresses += _peer_addresses(peer, policy["metadata"]["namespace"], pods)
        if rule.get(side) and not addresses:
            continue
        peers = f"ip {field} {_set_of(addresses)} " if addresses else ""
        for match in _matches(rule.get("ports") or (), direction, pod, pods):
            found.append(f"{peers}{match}counter accept")
    return found


def _set_of(addresses: Iterable[str]) -> str:
    """An anonymous nft set: overlapping blocks, which nft refuses, are joined."""
    blocks = ipaddress.collapse_addresses(ipaddress.IPv4Network(a) for a in addresses)
    return f"{{ {', '.join(map(str, blocks))} }}"


def _matches(ports: Sequence[Object], direction: str, pod: Pod, pods: Sequence[Pod]) -> list[str]:
    if not ports:
        return [""]
    found = []
    for port in ports:
        if isinstance(port.get("port"), str) and direction == "Egress":
            for other in pods:
                found += [f"ip daddr {other.address} {m} " for m in _port_match(port, other)]
        else:
            found += [f"{m} " for m in _port_match(port, pod)]
    return found


def rules(node: str, pods: Sequence[Pod], policies: Sequence[Object]) -> str:
    """The node's policy table as an nft script that replaces what was there."""
    chains, jumps = [], []
    for pod in (p for p in pods if p.node == node):
        for direction, field in (("Egress", "saddr"), ("Ingress", "daddr")):
            mine = [p for p in policies if selects(p, pod, direction)]
            if not mine:
                continue
            name = f"{direction.lower()}_{pod.address.replace('.', '_')}"
            allowed = [a for p in mine for a in _allowances(p, pod, direction, pods)]
            lines = "".join(
                f"    {a.replace('counter accept', 'counter return')}\n"
                for a in dict.fromkeys(allowed)
            )
            chains.append(f"  chain {name} {{\n{lines}    counter drop\n  }}\n")
            jumps.append(f"    ip {field} {pod.address} jump {name}\n")
    return f"""table ip policies
delete table ip policies
table ip policies {{
{"".join(chains)}  chain forward {{ type filter hook forward priority filter; policy accept;
    ct state established,related accept
{"".join(jumps)}  }}
}}
"""


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
            script = rules(node.name, pods, policies)
            if script != self._loaded.get(node.name, rules(node.name, [], [])):
                await run(sandbox.inside(["nft", "-f", "-"]), script)
                self._loaded[node.name] = script
