"""Service translation on each node with nftables, made from Services and EndpointSlices as
kube-proxy makes it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.api.store import Object, ObjectStore
from lab.network import Sandbox, run
from lab.ownership import is_synthetic
from lab.topology import Node

FORGET = Path(__file__).with_name("forget_udp.py")
NOBODY = "192.0.2.1"  # RFC 5737
MASQUERADE = 0x4000  # kube-proxy's mark


@dataclass(slots=True)
class Behaviour:
    """What a fault may remove from a well-behaved kube-proxy."""

    drop_invalid: bool = True  # packets that conntrack cannot place: k8s 74839
    forget_udp: bool = True  # entries to endpoints that are gone: k8s 125467
    hairpin: bool = True  # source translation of a pod that reaches itself


@dataclass(frozen=True, slots=True)
class ProxyEndpoint:
    address: str
    port: int
    node: str


@dataclass(frozen=True, slots=True)
class ProxyTarget:
    """One port of a Service and the endpoints that may answer it."""

    name: str
    address: str
    protocol: str
    port: int
    node_port: int
    external_local: bool
    internal_local: bool
    endpoints: tuple[ProxyEndpoint, ...]


def targets(store: ObjectStore) -> list[ProxyTarget]:
    slices = _slices_by_service(store)
    found = []
    for service in store.items("services"):
        metadata, spec = service["metadata"], service["spec"]
        if spec.get("clusterIP", "None") == "None" or is_synthetic(service):
            continue
        own = slices.get((metadata["namespace"], metadata["name"]), [])
        found += [_target(service, port, own) for port in spec.get("ports", ())]
    return found


def _slices_by_service(store: ObjectStore) -> dict[tuple[str, str], list[Object]]:
    slices: dict[tuple[str, str], list[Object]] = {}
    for item in store.items("endpointslices"):
        name = item["metadata"].get("labels", {}).get("kubernetes.io/service-name", "")
        slices.setdefault((item["metadata"]["namespace"], name), []).append(item)
    return slices


def _target(service: Object, port: Object, slices: Iterable[Object]) -> ProxyTarget:
    metadata, spec = service["metadata"], service["spec"]
    return ProxyTarget(
        name=f"{metadata['namespace']}/{metadata['name']}",
        address=spec["clusterIP"],
        protocol=port.get("protocol", "TCP").lower(),
        port=int(port["port"]),
        node_port=int(port.get("nodePort") or 0),
        external_local=spec.get("externalTrafficPolicy") == "Local",
        internal_local=spec.get("internalTrafficPolicy") == "Local",
        endpoints=tuple(_endpoints(slices, port.get("name", ""))),
    )


def _endpoints(slices: Iterable[Object], port_name: str) -> list[ProxyEndpoint]:
    """Ready endpoints; where there is none, those that still serve while they end."""
    ready, serving = [], []
    for item in slices:
        number = _port_number(item, port_name)
        if number is None:
            continue
        for endpoint in item.get("endpoints") or ():
            conditions = endpoint.get("conditions", {})
            address, node = endpoint["addresses"][0], endpoint.get("nodeName", "")
            if conditions.get("ready", True):
                ready.append(ProxyEndpoint(address, number, node))
            elif conditions.get("serving") and conditions.get("terminating"):
                serving.append(ProxyEndpoint(address, number, node))
    return ready or serving


def _port_number(item: Object, name: str) -> int | None:
    """The number of a slice's port of that name."""
    ports = item.get("ports") or ()
    return next((port.get("port") for port in ports if port.get("name", "") == name), None)


def _translate(endpoints: Sequence[ProxyEndpoint]) -> str:
    choices = ", ".join(f"{i} : {e.address} . {e.port}" for i, e in enumerate(endpoints))
    return f"dnat to numgen random mod {len(endpoints)} map {{ {choices} }}"


@dataclass(slots=True)
class Verdicts:
    """The rules of a node's chains: translate, refuse with a reset or an ICMP error, drop."""

    nat: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)

    def add_cluster_ip(self, target: ProxyTarget, local: Sequence[ProxyEndpoint]) -> None:
        match = f"ip daddr {target.address} {target.protocol} dport {target.port}"
        self._add(match, target, local if target.internal_local else target.endpoints)

    def add_node_port(
        self, target: ProxyTarget, local: Sequence[ProxyEndpoint], address: str
    ) -> None:
        match = f"ip daddr {address} {target.protocol} dport {target.node_port}"
        if target.external_local:
            self._add_local(match, local)
        elif target.endpoints:
            mark = f"meta mark set meta mark or {MASQUERADE:#x}"
            self.nat.append(f"{match} {mark} {_translate(target.endpoints)}")
        else:
            self.refused.append(f"{match} counter reject")

    def _add(self, match: str, target: ProxyTarget, chosen: Sequence[ProxyEndpoint]) -> None:
        if not target.endpoints:
            self.refused.append(f"{match} counter reject")
        else:
            self._add_local(match, chosen)

    def _add_local(self, match: str, chosen: Sequence[ProxyEndpoint]) -> None:
        """Traffic that only these endpoints may get is dropped where there is none."""
        if chosen:
            self.nat.append(f"{match} {_translate(chosen)}")
        else:
            self.dropped.append(f"{match} counter drop")


def verdicts(node: Node, wanted: Sequence[ProxyTarget]) -> Verdicts:
    found = Verdicts()
    for target in wanted:
        local = [e for e in target.endpoints if e.node == node.name]
        found.add_cluster_ip(target, local)
        if target.node_port:
            found.add_node_port(target, local, node.address)
    return found


def _hairpins(wanted: Sequence[ProxyTarget], behaviour: Behaviour) -> str:
    """Elements of the set of pods that reach themselves; never empty, which nft refuses."""
    if not behaviour.hairpin:
        return f"{NOBODY} . {NOBODY}"
    addresses = sorted({e.address for t in wanted for e in t.endpoints})
    return ", ".join(f"{a} . {a}" for a in addresses) or f"{NOBODY} . {NOBODY}"


def rules(node: Node, wanted: Sequence[ProxyTarget], behaviour: Behaviour) -> str:
    """A node's Service translation as an nft script that replaces what was there."""
    found, hairpins = verdicts(node, wanted), _hairpins(wanted, behaviour)
    invalid = "    ct state invalid counter drop\n" if behaviour.drop_invalid else ""
    return f"""table ip services
delete table ip services
table ip services {{
  chain translate {{
{_body(found.nat)}  }}
  chain refuse {{
{_body(found.refused)}{_body(found.dropped)}  }}
  chain prerouting {{ type nat hook prerouting priority dstnat; policy accept; jump translate; }}
  chain output {{ type nat hook output priority -100; policy accept; jump translate; }}
  chain early {{ type filter hook prerouting priority -110; policy accept;
    ct state new jump drops; }}
  chain drops {{
{_body(found.dropped)}  }}
  chain forward {{ type filter hook forward priority -5; policy accept;
{invalid}    ct state new jump refuse
  }}
  chain own {{ type filter hook output priority -5; policy accept; ct state new jump refuse; }}
  chain input {{ type filter hook input priority -5; policy accept; ct state new jump refuse; }}
  set hairpin {{ type ipv4_addr . ipv4_addr; elements = {{ {hairpins} }}; }}
  chain postrouting {{ type nat hook postrouting priority srcnat; policy accept;
    ip saddr . ip daddr @hairpin masquerade
    meta mark & {MASQUERADE:#x} != 0 masquerade
  }}
}}
"""


def _body(lines: Iterable[str]) -> str:
    return "".join(f"    {line}\n" for line in lines)


class Proxy:
    """kube-proxy of every node."""

    def __init__(self, store: ObjectStore, nodes: Sequence[tuple[Node, Sandbox]]) -> None:
        self.store = store
        self.behaviour = Behaviour()
        self._nodes = nodes
        self._loaded: dict[str, str] = {}
        self._udp: dict[str, set[str]] = {}

    async def sync(self) -> None:
        """Load what has changed; LabError where nft refuses it."""
        wanted = targets(self.store)
        gone = self._vanished(wanted)
        for node, sandbox in self._nodes:
            script = rules(node, wanted, self.behaviour)
            if script != self._loaded.get(node.name):
                await run(sandbox.inside(["nft", "-f", "-"]), script)
                self._loaded[node.name] = script
            if gone and self.behaviour.forget_udp:
                await run(sandbox.inside([sys.executable, "-I", "-S", str(FORGET), *gone]))

    def _vanished(self, wanted: Sequence[ProxyTarget]) -> list[str]:
        """Cluster IPs of UDP Services that have lost an endpoint since the last time."""
        now = {t.address: {e.address for e in t.endpoints} for t in wanted if t.protocol == "udp"}
        gone = [
            address for address, before in self._udp.items() if before - now.get(address, set())
        ]
        self._udp = now
        return gone
