"""Rows of a cluster, or of manifests, as verdicts look at them: its policies, its ends and whose
an address is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from collectors.events import Endpoint, NamespaceRow, NodeRow, PodRow, ServiceRow, SliceRow
from diagnosis.reachability import parties, special_addresses
from diagnosis.reachability.address_blocks import Network, inside, networks
from diagnosis.reachability.blind_spots import NONE, BlindSpots
from diagnosis.reachability.local_redirects import SentTo, redirected
from diagnosis.reachability.parties import Party, is_ipv6
from diagnosis.reachability.policy_set import PolicySet
from diagnosis.reachability.unassigned_addresses import may_be_of

KINDS = (
    "pods",
    "namespaces",
    "services",
    "endpointslices",
    "networkpolicies",
    "nodes",
    "foreignpolicies",
    "cuttingpolicies",
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
            (*held["foreignpolicies"], *held["cuttingpolicies"]),
            settings=held["networking"],
            nodes=held["nodes"],
            pods=held["pods"],
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
            own = pod.host_ips or (pod.addresses if pod.host_network else ())
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
            for ip in pod.addresses
            if ip
        }

    def why_whose(self, address: str) -> str:
        """Why it is not known which pod has an address, '' where at most one has."""
        if address not in self.pods_by_address:
            return ""
        names = [f"{p.namespace}/{p.name}" for p in self.pods if _has(p, address)]
        if len(names) < 2:
            return ""
        return f"{' and '.join(names)} both have {address}: which of them answers is not known"

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

    @cached_property
    def api_servers(self) -> frozenset[str]:
        """Its addresses, which it writes to the slices of the Service kubernetes itself."""
        slices = self.slices_of.get(("default", "kubernetes"), ())
        return frozenset(one.address for row in slices for one in row.endpoints)

    def _is_api_server(self, ips: Sequence[str]) -> bool | None:
        return any(ip in self.api_servers for ip in ips) if self.api_servers else None

    # --- parties

    def party(self, pod: PodRow) -> Party:
        party = parties.party_of(pod, self.labels)
        if not pod.host_network:
            return party
        row = self.node_rows.get(pod.node)
        labels = dict(row.labels) if row else None
        return replace(party, node_labels=labels, api_server=self._is_api_server(party.ips))

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
            api_server=self._is_api_server(tuple(ips) or own),
        )

    def node_parties(self, name: str) -> list[Party]:
        """By each of its addresses, one of each family; once where it has no more than that."""
        whole = self.node_party(name)
        families = [[ip for ip in whole.ips if is_ipv6(ip) == six] for six in (False, True)]
        most = max(map(len, families))
        if most < 2:
            return [whole]
        chosen = ([own[min(n, len(own) - 1)] for own in families if own] for n in range(most))
        return [self.node_party(name, ips) for ips in chosen]

    def address_party(self, address: str) -> Party:
        """A node where it is one's address, a pod where a slice says so that is not among the
        objects itself, else what is outside, as far as that can be known."""
        if node := self.node_addresses.get(address):
            return self.node_party(node, (address,))
        unsure = self.blind.why("pods") or self.blind.why("services")
        if not unsure and (listed := self._unlisted_pods.get(address)):
            return self._unlisted_party(*listed)
        unsure = unsure or may_be_of(address, self.pods, self.services)
        unsure = unsure or self._may_be_pods(address)
        return Party(
            name=address,
            ips=(address,),
            unsure=f"{address} may be of the cluster: {unsure}" if unsure else "",
            maybe_node=self._maybe_node(address),
            api_server=self._is_api_server((address,)),
        )

    @cached_property
    def _unlisted_pods(self) -> dict[str, tuple[str, Endpoint]]:
        """The endpoints, with their namespaces, of pods that are not among the objects, by their
        addresses."""
        known = {(pod.namespace, pod.name) for pod in self.pods}
        return {
            end.address: (row.namespace, end)
            for row in self.slices
            for end in row.endpoints
            if end.pod and (row.namespace, end.pod) not in known
        }

    def _unlisted_party(self, namespace: str, end: Endpoint) -> Party:
        """Out of the nodes' ranges for pods it may be on the host's network as well."""
        name = f"{namespace}/{end.pod}"
        known, reason = self.labels.get(namespace), f"pod {name} is not among the objects"
        party = Party(name=name, ips=(end.address,), namespace=namespace, node=end.node)
        if not self._node_of_range(end.address):
            return replace(party, unsure=reason, maybe_node=reason)
        return replace(
            party,
            labels={},
            namespace_labels=known or {parties.NAME_LABEL: namespace},
            namespace_known=known is not None,
            unlisted=f"{reason}, nor are its labels",
        )

    def _node_of_range(self, address: str) -> str:
        """The node in whose range for pods an address is, '' for none."""
        return next((name for cidr, name in self._pod_ranges if inside(address, cidr)), "")

    @cached_property
    def _pod_ranges(self) -> list[tuple[Network, str]]:
        """The ranges that nodes have for their pods, with the nodes' names."""
        return [(cidr, node.name) for node in self.nodes for cidr in networks(node.pod_cidrs)]

    def _may_be_pods(self, address: str) -> str:
        if node := self._node_of_range(address):
            return f"it is in {node}'s range for pods, and no pod among the objects has it"
        return ""

    def nobodys(self, address: str) -> str:
        """What is to be said of an address that `at` found to be no pod's and no Service's, ''
        where it is a node's or no one end's."""
        if address in self.node_addresses or special_addresses.is_own(address):
            return ""
        if special_addresses.group_of(address):
            return ""
        said = "nobody among the objects has it: it is read as one outside of the cluster"
        party = self.address_party(address)
        return party.unlisted or party.unsure or said

    def _maybe_node(self, address: str) -> str:
        if why := self.blind.why("nodes"):
            return f"{address} may be a node's: {why}"
        return special_addresses.may_be_nodes(address) or self._may_be_tunnel(address)

    def _may_be_tunnel(self, address: str) -> str:
        """An address of a node's pods' range that no pod has may be the node's own."""
        if node := self._node_of_range(address):
            own = f"may be {node}'s own (a bridge's, a tunnel's)"
            return f"{address} is in the range of its pods and no pod's: it {own}"
        return ""

    def at(self, address: str) -> PodRow | ServiceRow | str:
        """Whose an address is: of a pod or Service it is that address alone that counts."""
        address = special_addresses.canonical(address)
        if pod := self.pods_by_address.get(address):
            return replace(pod, ip=address, ips=(address,))
        for service in self.services:
            if address in (*service.ips, *service.outer_ips):
                return replace(service, ips=(address,))
        return address

    def redirect(
        self, addresses: Sequence[str], number: int, protocol: str, service: ServiceRow | None
    ) -> str:
        """Why it is not known where a connection ends that is sent to an address or a Service, ''
        where it is."""
        sent = SentTo(tuple(addresses), number, protocol, service)
        return redirected(self.policies.foreign, sent)

    def service(self, namespace: str, name: str) -> ServiceRow | None:
        return self._services.get((namespace, name))

    @cached_property
    def _services(self) -> dict[tuple[str, str], ServiceRow]:
        return {(s.namespace, s.name): s for s in reversed(self.services)}


def _has(pod: PodRow, address: str) -> bool:
    return not pod.host_network and not pod.ended and address in pod.addresses
