"""Host ports, as the portmap plugin makes them: the node translates to the pod and keeps the
source."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import filterfalse

from lab.api.metadata import node_of, on_host_network, ports_of
from lab.api.store import Object, ObjectStore
from lab.families import FAMILIES, Family, pod_ips
from lab.ownership import real_pods
from lab.topology import Node


@dataclass(frozen=True, slots=True)
class HostPort:
    """One port of one family. `bound` is hostIP, '' for every address of the node."""

    node: str
    protocol: str
    port: int
    bound: str
    address: str
    target: int

    def rule(self, node: Node, family: Family) -> str:
        received = self.bound or family.of(node.addresses)
        match = f"{family.keyword} daddr {received} {self.protocol} dport {self.port}"
        return f"{match} dnat to {family.socket(self.address, self.target)}"


def host_ports_of(store: ObjectStore) -> list[HostPort]:
    """Of every pod that has a network of its own."""
    pods = filterfalse(on_host_network, real_pods(store))
    return [one for pod in pods for family in FAMILIES for one in _of(pod, family)]


def _of(pod: Object, family: Family) -> Iterator[HostPort]:
    address = family.of(pod_ips(pod))
    for port in ports_of(pod) if address else ():
        if _is_bound(port, family):
            yield _host_port(port, node_of(pod), address)


def _is_bound(port: Object, family: Family) -> bool:
    """Whether it is a port of its node, for that family."""
    bound = port.get("hostIP")
    return bool(port.get("hostPort")) and (not bound or family.has(bound))


def _host_port(port: Object, node: str, address: str) -> HostPort:
    return HostPort(
        node=node,
        protocol=port.get("protocol", "TCP").lower(),
        port=int(port["hostPort"]),
        bound=_specific(port.get("hostIP") or ""),
        address=address,
        target=int(port["containerPort"]),
    )


def _specific(address: str) -> str:
    """Empty for every address."""
    return "" if address and ipaddress.ip_address(address).is_unspecified else address
