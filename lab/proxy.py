"""Service translation on each node with nftables, made from Services and EndpointSlices as
kube-proxy makes it."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.api.metadata import Place, labels_of, namespace_of, place_of
from lab.api.store import Object, ObjectStore
from lab.families import FAMILIES, IPV4, Family
from lab.host_ports import HostPort, host_ports_of
from lab.network import Sandbox, run
from lab.ownership import is_synthetic
from lab.topology import Node

FORGET = Path(__file__).with_name("forget_udp.py")
MASQUERADE = 0x4000  # kube-proxy's mark
MASQUERADED = f"meta mark set meta mark or {MASQUERADE:#x}"


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
    family: Family
    address: str
    protocol: str
    port: int
    node_port: int
    external_local: bool
    internal_local: bool
    endpoints: tuple[ProxyEndpoint, ...]

    def match(self, address: str, port: int) -> str:
        return f"{self.family.keyword} daddr {address} {self.protocol} dport {port}"


def targets(store: ObjectStore) -> list[ProxyTarget]:
    slices = _slices_by_service(store)
    services = filter(_is_translated, store.items("services"))
    return [
        target
        for service in services
        for target in _targets_of(service, slices.get(place_of(service), []))
    ]


def _is_translated(service: Object) -> bool:
    return service["spec"].get("clusterIP", "None") != "None" and not is_synthetic(service)


def _targets_of(service: Object, slices: Sequence[Object]) -> Iterator[ProxyTarget]:
    spec = service["spec"]
    for address in spec.get("clusterIPs") or [spec["clusterIP"]]:
        for port in spec.get("ports", ()):
            yield _target(service, port, address, slices)


def _slices_by_service(store: ObjectStore) -> dict[Place, list[Object]]:
    slices: dict[Place, list[Object]] = defaultdict(list)
    for item in store.items("endpointslices"):
        name = labels_of(item).get("kubernetes.io/service-name", "")
        slices[namespace_of(item), name].append(item)
    return slices


def _target(service: Object, port: Object, address: str, slices: Iterable[Object]) -> ProxyTarget:
    spec = service["spec"]
    family = next(family for family in FAMILIES if family.has(address))
    own = (item for item in slices if item.get("addressType", IPV4.name) == family.name)
    return ProxyTarget(
        name="/".join(place_of(service)),
        family=family,
        address=address,
        protocol=port.get("protocol", "TCP").lower(),
        port=int(port["port"]),
        node_port=int(port.get("nodePort") or 0),
        external_local=spec.get("externalTrafficPolicy") == "Local",
        internal_local=spec.get("internalTrafficPolicy") == "Local",
        endpoints=tuple(_endpoints(own, port.get("name", ""))),
    )


def _endpoints(slices: Iterable[Object], port_name: str) -> list[ProxyEndpoint]:
    """Ready endpoints; where there is none, those that still serve while they end."""
    found = [one for item in slices for one in _endpoints_of(item, port_name)]
    ready = [endpoint for conditions, endpoint in found if conditions.get("ready", True)]
    return ready or [endpoint for conditions, endpoint in found if _still_serves(conditions)]


def _still_serves(conditions: Object) -> bool:
    return bool(conditions.get("serving") and conditions.get("terminating"))


def _endpoints_of(item: Object, port_name: str) -> Iterator[tuple[Object, ProxyEndpoint]]:
    """Of a slice that has a port of that name, with their conditions."""
    number = _port_number(item, port_name)
    for end in () if number is None else item.get("endpoints") or ():
        endpoint = ProxyEndpoint(end["addresses"][0], number or 0, end.get("nodeName", ""))
        yield end.get("conditions", {}), endpoint


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
        match = target.match(target.address, target.port)
        if not target.endpoints:
            self._refuse(match)
        else:
            self._add_local(match, local if target.internal_local else target.endpoints)

    def add_node_port(
        self, target: ProxyTarget, local: Sequence[ProxyEndpoint], address: str
    ) -> None:
        match = target.match(address, target.node_port)
        if target.external_local:
            self._add_local(match, local)
        elif target.endpoints:
            self.nat.append(f"{match} {MASQUERADED} {_translate(target.endpoints)}")
        else:
            self._refuse(match)

    def _refuse(self, match: str) -> None:
        self.refused.append(f"{match} counter reject")

    def _add_local(self, match: str, chosen: Sequence[ProxyEndpoint]) -> None:
        """Traffic that only these endpoints may get is dropped where there is none."""
        if chosen:
            self.nat.append(f"{match} {_translate(chosen)}")
        else:
            self.dropped.append(f"{match} counter drop")


def verdicts(node: Node, wanted: Sequence[ProxyTarget], family: Family) -> Verdicts:
    found = Verdicts()
    for target in wanted:
        local = [e for e in target.endpoints if e.node == node.name]
        found.add_cluster_ip(target, local)
        if target.node_port:
            found.add_node_port(target, local, family.of(node.addresses))
    return found


def _hairpins(addresses: Iterable[str], behaviour: Behaviour, family: Family) -> str:
    """Elements of the set of pods that reach themselves; never empty, which nft refuses."""
    chosen = sorted(set(addresses)) if behaviour.hairpin else []
    return ", ".join(f"{a} . {a}" for a in chosen or [family.nobody])


def rules(
    node: Node,
    wanted: Sequence[ProxyTarget],
    behaviour: Behaviour,
    *,
    family: Family = IPV4,
    host_ports: Sequence[HostPort] = (),
) -> str:
    """A node's translation of one family as an nft script that replaces what was there."""
    own = [target for target in wanted if target.family is family]
    mapped = [one for one in host_ports if one.node == node.name and family.has(one.address)]
    found = verdicts(node, own, family)
    found.nat += [one.rule(node, family) for one in mapped]
    endpoints = [end.address for target in own for end in target.endpoints]
    hairpins = _hairpins([*endpoints, *(one.address for one in mapped)], behaviour, family)
    invalid = "    ct state invalid counter drop\n" if behaviour.drop_invalid else ""
    table, kind = f"{family.keyword} services", family.set_type
    return f"""table {table}
delete table {table}
table {table} {{
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
  set hairpin {{ type {kind} . {kind}; elements = {{ {hairpins} }}; }}
  chain postrouting {{ type nat hook postrouting priority srcnat; policy accept;
    {family.keyword} saddr . {family.keyword} daddr @hairpin masquerade
    meta mark & {MASQUERADE:#x} != 0 masquerade
  }}
}}
"""


def _body(lines: Iterable[str]) -> str:
    return "".join(f"    {line}\n" for line in lines)


def _udp_endpoints(wanted: Sequence[ProxyTarget]) -> dict[str, set[str]]:
    """By cluster IP of IPv4."""
    udp = [one for one in wanted if one.protocol == "udp" and one.family is IPV4]
    return {one.address: {end.address for end in one.endpoints} for one in udp}


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
        wanted, mapped = targets(self.store), host_ports_of(self.store)
        gone = self._vanished(wanted)
        for node, sandbox in self._nodes:
            await self._load(sandbox, self._script(node, wanted, mapped))
            if gone and self.behaviour.forget_udp:
                await run(sandbox.inside([sys.executable, "-I", "-S", str(FORGET), *gone]))

    def _script(self, node: Node, wanted: Sequence[ProxyTarget], mapped: Sequence[HostPort]) -> str:
        return "".join(
            rules(node, wanted, self.behaviour, family=family, host_ports=mapped)
            for family in FAMILIES
            if family.of(node.addresses)
        )

    async def _load(self, sandbox: Sandbox, script: str) -> None:
        if script != self._loaded.get(sandbox.name):
            await sandbox.load_rules(script)
            self._loaded[sandbox.name] = script

    def _vanished(self, wanted: Sequence[ProxyTarget]) -> list[str]:
        """Cluster IPs of UDP Services that have lost an endpoint since the last time; of IPv4, as
        conntrack is asked for these alone."""
        before, self._udp = self._udp, _udp_endpoints(wanted)
        return [address for address in before if before[address] - self._udp.get(address, set())]
