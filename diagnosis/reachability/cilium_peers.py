"""The peers of Cilium's rules: endpoints by their labels, entities, and blocks of addresses
outside of the cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from collectors.frozen import frozen
from diagnosis.reachability import selectors
from diagnosis.reachability.address_blocks import Block, block_of
from diagnosis.reachability.certainty import Doubt, Match, any_of, doubt
from diagnosis.reachability.parties import Party
from diagnosis.reachability.selectors import LabelSelector, Requirement

NAMESPACE = "io.kubernetes.pod.namespace"
NAMESPACE_LABELS = "io.cilium.k8s.namespace.labels."
ACCOUNT, CLUSTER = "io.cilium.k8s.policy.serviceaccount", "io.cilium.k8s.policy.cluster"
PREFIXES = ("k8s:", "any:", "k8s.", "any.")
OTHER_SOURCES = ("reserved:", "cidr:", "container:", "unspec:", "cni:")


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
        if key.startswith(OTHER_SOURCES):
            return f"label {key} of {party.name} is not listed"
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
            return self._reserved(party)
        in_namespace = not self.namespace or party.namespace == self.namespace
        return in_namespace and self.selector.match(labels_of(party), unknown_of(party))

    def _reserved(self, party: Party) -> Match:
        """Nodes and addresses have reserved labels alone, by which a selector may mean them,
        too."""
        reserved = [r for r in self.selector.requirements if r.key.startswith("reserved:")]
        if self.everywhere or not reserved:
            return False
        return doubt(f"label {reserved[0].key} of {party.name} is not known")

    def miss(self, party: Party) -> str:
        if party.host:
            return "it is on the host's network: selectors never match it"
        if not party.selectable:
            return "it is no pod: selectors never match it"
        if self.namespace and party.namespace != self.namespace:
            return (
                f"the selector names no namespace, which means pods of {self.namespace}; "
                f"this one is of {party.namespace}"
            )
        return f"pod {party.name} {self.selector.miss(labels_of(party))}"

    @property
    def text(self) -> str:
        return f"endpoints {self.selector.text}"


NEVER_PODS = ("world", "world-ipv4", "world-ipv6", "host", "remote-node", "health", "ingress")


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
        if name == "cluster":
            return True
        if name in NEVER_PODS or name == "kube-apiserver":
            return False
        return doubt(f"{self.where}: entity {name} needs the identity of the pod")

    def _node(self, name: str, party: Party, own: Party) -> Match:
        if name == "cluster":
            return True
        if name not in ("host", "remote-node"):
            return self._other(name)
        if not own.node or not party.node:
            return doubt(f"{self.where}: entity {name} needs the node of {own.name}")
        return (own.node == party.node) == (name == "host")

    def _other(self, name: str) -> Match:
        if name.startswith("world"):
            return False
        return doubt(f"{self.where}: entity {name} needs the identity of the node")

    def _outside(self, name: str, party: Party) -> Match:
        if name in ("host", "remote-node", "cluster", "health", "init", "unmanaged"):
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
class Cidrs:
    """Blocks of addresses outside of the cluster."""

    blocks: tuple[Block, ...]
    uncertain: Doubt | None = None  # groups of blocks that are not listed
    relative: bool = False

    @classmethod
    def of(cls, entries: Iterable[object], where: str) -> Cidrs:
        """`entries` are texts, and mappings with `cidr` and `except` or the reference of a
        group."""
        blocks: list[Block] = []
        reasons: list[str] = []
        for entry in entries:
            given = entry if isinstance(entry, Mapping) else {"cidr": entry}
            block = block_of(given.get("cidr"), given.get("except") or ())
            if block is not None:
                blocks.append(block)
            else:
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
        return ", ".join(block.text for block in self.blocks)


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
