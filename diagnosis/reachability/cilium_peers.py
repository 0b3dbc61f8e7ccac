"""The peers of Cilium's rules: endpoints by their labels, entities, and blocks of addresses
outside of the cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from collectors.frozen import frozen
from diagnosis.reachability import selectors
from diagnosis.reachability.address_blocks import Block, block_of, names_of
from diagnosis.reachability.certainty import Doubt, Match, any_of, doubt
from diagnosis.reachability.parties import Party, why_generated
from diagnosis.reachability.selectors import LabelSelector, Requirement

NAMESPACE = "io.kubernetes.pod.namespace"
NAMESPACE_LABELS = "io.cilium.k8s.namespace.labels."
ACCOUNT, CLUSTER = "io.cilium.k8s.policy.serviceaccount", "io.cilium.k8s.policy.cluster"
PREFIXES = ("k8s:", "any:", "k8s.", "any.")
RESERVED = "reserved:"
NOT_LISTED = (f"{RESERVED}unmanaged", "cidr:", "container:", "unspec:", "cni:")


def _key(text: str) -> str:
    """A label's key without the source that it is said to come from."""
    return next((text[len(p) :] for p in PREFIXES if text.startswith(p)), text)


def selector_of(selector: Mapping[str, Any]) -> LabelSelector:
    """With the keys that the endpoint's labels have here."""
    if not isinstance(selector, Mapping):
        raise TypeError("a selector is a mapping")
    found = selectors.compiled(selector)
    requirements = (
        Requirement(key=_key(one.key), operator=one.operator, values=one.values)
        for one in found.requirements
    )
    return LabelSelector(tuple(requirements), nothing=found.nothing)


def labels_of(party: Party) -> dict[str, str]:
    """The labels of a pod's identity."""
    inherited = {
        f"{NAMESPACE_LABELS}{key}": value for key, value in (party.namespace_labels or {}).items()
    }
    return {**dict(party.labels or {}), **inherited, NAMESPACE: party.namespace}


def unknown_of(party: Party) -> Callable[[str], str]:
    """Which labels of a pod are not known, and why."""

    def unknown(key: str) -> str:
        if key in (ACCOUNT, CLUSTER):
            return f"{key} of {party.name} is not listed"
        if key.startswith(NOT_LISTED):
            return f"label {key} of {party.name} is not listed"
        if reason := why_generated(party, key):
            return reason
        if party.namespace_known or not key.startswith(NAMESPACE_LABELS):
            return ""
        return f"the labels of namespace {party.namespace} are not known ({key} is asked)"

    return unknown


@frozen
class Endpoints:
    """Pods by their labels; of one namespace, unless the selector names it itself. `everywhere`:
    it is a subject, which an address never is."""

    selector: LabelSelector
    namespace: str = ""
    everywhere: bool = False
    relative: bool = False

    def match(self, party: Party, own: Party) -> Match:
        if party.unsure:
            return doubt(party.unsure)
        if not party.selectable:
            return self._reserved(party, own)
        in_namespace = not self.namespace or party.namespace == self.namespace
        return in_namespace and self._selects(party)

    def _selects(self, party: Party) -> Match:
        labels, unknown = labels_of(party), unknown_of(party)
        return self.selector.match(labels, unknown, party.generated_labels)

    def _reserved(self, party: Party, own: Party) -> Match:
        """Nodes and addresses have reserved labels alone, by which a selector may mean them,
        too."""
        asked = [r for r in self.selector.requirements if r.key.startswith(RESERVED)]
        if self.everywhere or not asked:
            return False
        where = f"label {asked[0].key} of {party.name}"
        found = {r.key: self._has(r.key, where, party, own) for r in asked}
        labels = {key: "" for key, match in found.items() if match is True}
        return self.selector.match(labels, lambda key: _why_doubtful(key, found.get(key), party))

    def _has(self, key: str, where: str, party: Party, own: Party) -> Match:
        """Nobody has the labels of entities that are not of one identity."""
        name = key.removeprefix(RESERVED)
        return name in IDENTITIES and Entities((name,), where).match(party, own)

    def miss(self, party: Party) -> str:
        if party.host:
            return "it is on the host's network: selectors never match it"
        if not party.selectable:
            return "it is not a pod: selectors never match it"
        if self.namespace and party.namespace != self.namespace:
            return (
                f"the selector names no namespace, which means pods of {self.namespace}; "
                f"this one is of {party.namespace}"
            )
        labels = labels_of(party)
        missed = next((r for r in self.selector.requirements if not r.holds(labels)), None)
        return _lack(missed, party) if missed else "it does not match"

    @property
    def text(self) -> str:
        return f"endpoints {self.selector.text}"


def _why_doubtful(key: str, found: Match | None, party: Party) -> str:
    if isinstance(found, Doubt):
        return "; ".join(found.because)
    return f"label {key} of {party.name} is not listed" if key.startswith(NOT_LISTED) else ""


def asks_for_nodes(selector: LabelSelector) -> bool:
    """Whether its answer depends on the node of the pod that the policy selects."""
    return any(
        one.key in (f"{RESERVED}host", f"{RESERVED}remote-node") for one in selector.requirements
    )


def _lack(missed: Requirement, party: Party) -> str:
    """Whose labels they are: the namespace's where the key is of it."""
    if missed.key == NAMESPACE:
        return f"it is of namespace {party.namespace}, and the selector asks for {missed.text}"
    if missed.key.startswith(NAMESPACE_LABELS):
        own = replace(missed, key=missed.key.removeprefix(NAMESPACE_LABELS))
        miss = LabelSelector((own,)).miss(party.namespace_labels or {})
        return f"namespace {party.namespace} {miss}"
    return f"pod {party.name} {LabelSelector((missed,)).miss(party.labels or {})}"


CLUSTER_ENTITIES = ("cluster", "cluster-mesh")
WORLDS = ("world", "world-ipv4", "world-ipv6")
# of addresses or moments of their own: no pod that runs, no node and nothing outside is one
APART = ("health", "ingress", "init")
NEVER_PODS = (*WORLDS, *APART, "host", "remote-node", "kube-apiserver")
IDENTITIES = (*NEVER_PODS, "unmanaged")


@frozen
class Entities:
    """`world`, `cluster` and the like. Some go by a node's identity."""

    names: tuple[str, ...]
    where: str

    @property
    def relative(self) -> bool:
        return "host" in self.names or "remote-node" in self.names

    def match(self, party: Party, own: Party) -> Match:
        return any_of(self._one(name, party, own) for name in self.names)

    def _one(self, name: str, party: Party, own: Party) -> Match:
        if name == "all":
            return True
        if name == "none":
            return False
        if party.unsure:
            return doubt(party.unsure)
        if party.selectable:
            return self._pod(name)
        if party.host:
            return self._node(name, party, own)
        return self._outside(name, party)

    def _pod(self, name: str) -> Match:
        if name in CLUSTER_ENTITIES:
            return True
        if name in NEVER_PODS:
            return False
        return doubt(f"{self.where}: entity {name} needs the identity of the pod")

    def _node(self, name: str, party: Party, own: Party) -> Match:
        if name in CLUSTER_ENTITIES:
            return True
        if name not in ("host", "remote-node"):
            return self._other(name, party)
        if not own.node or not party.node:
            return doubt(f"{self.where}: entity {name} needs the node of {own.name}")
        return (own.node == party.node) == (name == "host")

    def _other(self, name: str, party: Party) -> Match:
        if name in (*WORLDS, *APART, "unmanaged"):
            return False
        if name == "kube-apiserver" and party.api_server is not None:
            return party.api_server
        return doubt(f"{self.where}: entity {name} needs the identity of the node")

    def _outside(self, name: str, party: Party) -> Match:
        if party.maybe_node:
            return doubt(party.maybe_node)
        if name in ("kube-apiserver", "cluster") and party.api_server is not None:
            return party.api_server
        if name in ("host", "remote-node", "cluster", "unmanaged", *APART):
            return False
        if name == "world":
            return True
        if name in ("world-ipv4", "world-ipv6"):
            return self._family(name, party)
        return doubt(f"{self.where}: whether {party.name} is {name} is not known")

    def _family(self, name: str, party: Party) -> Match:
        if not party.ips:
            return doubt(f"{self.where}: the address family of {party.name} is not known")
        return any((":" in ip) == (name == "world-ipv6") for ip in party.ips)

    def miss(self, party: Party) -> str:
        return f"{party.name} is not of the entities {', '.join(self.names)}"

    @property
    def text(self) -> str:
        return f"entities {', '.join(self.names)}"


@frozen
class CidrGroup:
    """A CiliumCIDRGroup: blocks of addresses under a name and labels."""

    name: str
    labels: Mapping[str, str]
    cidrs: tuple[str, ...]


def _blocks_of(entry: Mapping[str, Any], groups: Sequence[CidrGroup]) -> list[Block | None]:
    """The block of an entry, or those of the groups that it means by name or labels. None stands
    in it for a group that is meant and not listed."""
    holes = entry.get("except") or ()
    if given := entry.get("cidr"):
        return [block_of(given, holes)]
    if wanted := entry.get("cidrGroupRef"):
        meant = [group for group in groups if group.name == wanted]
    else:
        selector = selector_of(entry.get("cidrGroupSelector") or {})
        meant = [group for group in groups if selector(group.labels)]
    if not meant:
        return [None]
    return [block_of(cidr, holes) for group in meant for cidr in group.cidrs]


@frozen
class Cidrs:
    """Blocks of addresses outside of the cluster."""

    blocks: tuple[Block, ...]
    uncertain: Doubt | None = None  # groups of blocks that are not listed
    relative: bool = False

    @classmethod
    def of(cls, entries: Iterable[object], where: str, groups: Sequence[CidrGroup] = ()) -> Cidrs:
        """`entries` are texts, and mappings with `cidr` and `except` or with what names groups."""
        blocks: list[Block] = []
        reasons: list[str] = []
        for entry in entries:
            given = entry if isinstance(entry, Mapping) else {"cidr": entry}
            found = _blocks_of(given, groups)
            blocks += [block for block in found if block is not None]
            if None in found:
                fields = ", ".join(key for key in given if key != "except")
                reasons.append(f"{where}: a block given by {fields} is not listed")
        return cls(tuple(blocks), Doubt(tuple(reasons)) if reasons else None)

    def match(self, party: Party, own: Party) -> Match:
        if party.in_cluster:
            return False
        found = any_of((*(b.match(party) for b in self.blocks), self.uncertain or False))
        if party.unsure and found is not False:
            return doubt(party.unsure)
        return found

    def miss(self, party: Party) -> str:
        if party.in_cluster:
            return "Cilium's blocks of addresses match no pod or node of the cluster"
        return f"{', '.join(party.ips)} is not in {self.text}"

    @property
    def text(self) -> str:
        return names_of(self.blocks)


@frozen
class OutsideOrNodes:
    """What goes by names in DNS, by Services or by groups of a cloud, or by the labels of nodes."""

    where: str
    nodes_only: bool
    relative: bool = False

    def match(self, party: Party, own: Party) -> Match:
        if self.nodes_only and not party.host and not party.unsure:
            return False
        if party.selectable and "Services" not in self.where:
            return False
        return doubt(f"{self.where} is not evaluated")

    def miss(self, party: Party) -> str:
        return f"{self.text} means none of the pods"

    @property
    def text(self) -> str:
        return self.where.rpartition(": ")[2]
