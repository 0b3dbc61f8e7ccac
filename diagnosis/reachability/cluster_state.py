"""Rows of a cluster, or of manifests, as verdicts look at them: its policies, its ends and whose
an address is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from ipaddress import ip_address
from typing import Any

from collectors.events import NamespaceRow, NodeRow, PodRow, ServiceRow, SliceRow
from diagnosis.reachability import parties
from diagnosis.reachability.blind_spots import NONE, BlindSpots
from diagnosis.reachability.parties import Party
from diagnosis.reachability.policy_set import PolicySet

KINDS = (
    "pods",
    "namespaces",
    "services",
    "endpointslices",
    "networkpolicies",
    "nodes",
    "foreignpolicies",
    "networking",
)


@dataclass(frozen=True)
class ClusterState:
    """Rows, and the policies of them ready to be asked."""

    pods: tuple[PodRow, ...]
    namespaces: tuple[NamespaceRow, ...]
    services: tuple[ServiceRow, ...]
    slices: tuple[SliceRow, ...]
    nodes: tuple[NodeRow, ...]
    policies: PolicySet
    blind: BlindSpots = NONE

    @classmethod
    def of(cls, rows: Mapping[str, Iterable[Any]], blind: BlindSpots = NONE) -> ClusterState:
        """`rows` by the inventory's kinds; a kind that is missing has none."""
        held: dict[str, tuple[Any, ...]] = {kind: tuple(rows.get(kind) or ()) for kind in KINDS}
        policies = PolicySet.of(
            held["networkpolicies"],
            held["foreignpolicies"],
            settings=held["networking"],
            blind=blind,
        )
        return cls(
            pods=held["pods"],
            namespaces=held["namespaces"],
            services=held["services"],
            slices=held["endpointslices"],
            nodes=held["nodes"],
            policies=policies,
            blind=blind,
        )

    @cached_property
    def labels(self) -> dict[str, dict[str, str]]:
        return parties.namespace_labels(self.namespaces)

    @cached_property
    def node_addresses(self) -> dict[str, str]:
        """Every address of a node that is known, to its name: pods say theirs, too."""
        found: dict[str, str] = {}
        for pod in self.pods:
            own = pod.host_ips or ((pod.ips or (pod.ip,)) if pod.host_network else ())
            found |= dict.fromkeys((ip for ip in own if ip and pod.node), pod.node)
        for node in self.nodes:
            found |= dict.fromkeys((*node.addresses, *filter(None, (node.address,))), node.name)
        return found

    @cached_property
    def node_names(self) -> list[str]:
        """Of nodes that are listed, and of those of which pods say that they run there."""
        return sorted({*self.node_rows, *self.node_addresses.values()})

    @cached_property
    def pods_by_address(self) -> dict[str, PodRow]:
        return {
            ip: pod
            for pod in reversed(self.pods)
            if not pod.host_network and not pod.ended
            for ip in (pod.ips or (pod.ip,))
            if ip
        }

    @cached_property
    def service_ips(self) -> dict[str, str]:
        return {ip: f"{s.namespace}/{s.name}" for s in self.services for ip in s.ips}

    @cached_property
    def slices_of(self) -> dict[tuple[str, str], list[SliceRow]]:
        found: dict[tuple[str, str], list[SliceRow]] = {}
        for row in self.slices:
            found.setdefault((row.namespace, row.service), []).append(row)
        return found

    @cached_property
    def node_rows(self) -> dict[str, NodeRow]:
        return {node.name: node for node in self.nodes}

    # --- parties

    def party(self, pod: PodRow) -> Party:
        return parties.party_of(pod, self.labels)

    def node_party(self, name: str, ips: Sequence[str] = ()) -> Party:
        """A node, by some of its addresses; by all of them where none is given."""
        row = self.node_rows.get(name)
        own = tuple(ip for ip, node in self.node_addresses.items() if node == name)
        return Party(
            name=f"node/{name}",
            ips=tuple(ips) or own,
            labels={},
            node=name,
            host=True,
            node_labels=dict(row.labels) if row else None,
        )

    def address_party(self, address: str) -> Party:
        """A node where it is one's address, else what is outside, as far as that can be known."""
        if node := self.node_addresses.get(address):
            return self.node_party(node, (address,))
        unsure = self.blind.why("pods") or self.blind.why("services")
        return Party(
            name=address,
            ips=(address,),
            unsure=f"{address} may be of the cluster: {unsure}" if unsure else "",
            maybe_node=self._maybe_node(address),
        )

    def _maybe_node(self, address: str) -> str:
        why = self.blind.why("nodes")
        return f"{address} may be a node's: {why}" if why else ""

    def at(self, address: str) -> PodRow | ServiceRow | str:
        """Whose an address is: of a pod or Service it is that address alone that counts."""
        address = str(ip_address(address))
        if pod := self.pods_by_address.get(address):
            return replace(pod, ip=address, ips=(address,))
        for service in self.services:
            if address in (*service.ips, *service.outer_ips):
                return replace(service, ips=(address,))
        return address

    def service(self, namespace: str, name: str) -> ServiceRow | None:
        return self._services.get((namespace, name))

    @cached_property
    def _services(self) -> dict[tuple[str, str], ServiceRow]:
        return {(s.namespace, s.name): s for s in reversed(self.services)}
