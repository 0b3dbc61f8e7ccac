"""NetworkPolicy (networking.k8s.io/v1) compiled. Pure, over rows of the inventory.

Semantics are those of the API's documentation and of its defaulting. Where the API leaves it to
the plugin, what most plugins do: policies see addresses and ports after Service translation;
ipBlock matches the addresses of pods, too (not with Cilium's, see IpBlocks); pods on the host's
network are the node and are not selected.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from collectors.events import PolicyRow
from collectors.frozen import frozen
from diagnosis.reachability import selectors
from diagnosis.reachability.address_blocks import Block, ip_block
from diagnosis.reachability.certainty import Match, all_of, doubt
from diagnosis.reachability.parties import Party, why_generated
from diagnosis.reachability.plugin_evidence import IpBlocks
from diagnosis.reachability.policy_model import Policy, Port, Side, TierRule
from diagnosis.reachability.selectors import LabelSelector

KIND = "NetworkPolicy"
EITHER = "which network plugin this is: Calico's ipBlock matches pods and nodes, Cilium's does not"


def namespace_match(selector: LabelSelector, party: Party) -> Match:
    """A selector of namespaces, of which only the name may be known."""

    if party.namespace_known:
        return selector(party.namespace_labels or {})

    def unknown(key: str) -> str:
        return f"the labels of namespace {party.namespace} are not known ({key} is asked)"

    return selector.match(party.namespace_labels or {}, unknown)


def pod_match(selector: LabelSelector, party: Party) -> Match:
    """A selector of pods: controllers give some labels values that are not known."""
    if not party.generated_labels and not party.unlisted:
        return selector(party.labels or {})

    def unknown(key: str) -> str:
        return why_generated(party, key)

    return selector.match(party.labels or {}, unknown, party.generated_labels)


@frozen
class PolicyPeer:
    """One entry of `from` or `to`: a block of addresses, or pods of the policy's namespace or of
    selected ones."""

    namespace: str  # the policy's
    pods: LabelSelector | None = None
    namespaces: LabelSelector | None = None
    block: Block | None = None
    blocks_match: IpBlocks = "everywhere"
    relative: bool = False

    def match(self, party: Party, own: Party) -> Match:
        if self.block is not None:
            return self._by_block(self.block, party)
        if self.pods is None and self.namespaces is None:
            return False
        if party.unsure:
            return doubt(party.unsure)
        if not party.selectable:
            return False
        pods = self.pods is None or pod_match(self.pods, party)
        return pods and all_of((self._namespace(party), pods))

    def _namespace(self, party: Party) -> Match:
        if self.namespaces is None:
            return party.namespace == self.namespace
        return namespace_match(self.namespaces, party)

    def _by_block(self, block: Block, party: Party) -> Match:
        found = block.match(party)
        if self.blocks_match == "everywhere" or found is False:
            return found
        if party.unsure:
            return doubt(f"{party.unsure}, and Cilium's ipBlock matches no pod")
        if not party.in_cluster:
            return found
        if self.blocks_match == "outside":
            return False
        return found if block.whole else doubt(EITHER)

    def miss(self, party: Party) -> str:
        if self.block is not None:
            if self.blocks_match == "outside" and party.in_cluster:
                return "Cilium's ipBlock matches no pod or node of the cluster"
            return self.block.miss(party)
        if party.host:
            return "it is on the host's network: selectors never match it"
        if not party.selectable:
            return "it is not a pod: selectors never match it"
        return self._namespace_miss(party) or self._pod_miss(party)

    def _namespace_miss(self, party: Party) -> str:
        if self.namespaces is None:
            if party.namespace == self.namespace:
                return ""
            return (
                f"podSelector alone means pods of {self.namespace}; "
                f"this one is of {party.namespace}"
            )
        missing = self.namespaces.miss(party.namespace_labels or {})
        return f"namespace {party.namespace} {missing}" if missing else ""

    def _pod_miss(self, party: Party) -> str:
        missing = self.pods.miss(party.labels or {}) if self.pods is not None else ""
        return f"pod {party.name} {missing}" if missing else ""

    @property
    def text(self) -> str:
        if self.block is not None:
            return f"ipBlock {self.block.text}"
        parts = []
        if self.namespaces is not None:
            parts.append(f"namespaces {self.namespaces.text}")
        if self.pods is not None:
            parts.append(f"pods {self.pods.text}")
        return " and ".join(parts)


@frozen
class PodsOfNamespace:
    """The subject of a NetworkPolicy."""

    namespace: str
    pods: LabelSelector

    def match(self, party: Party) -> Match:
        if party.unsure:
            return doubt(party.unsure)
        if party.namespace != self.namespace or not party.selectable:
            return False
        return pod_match(self.pods, party)


# --- from the API's objects


def _peer(entry: Mapping[str, Any], namespace: str, blocks_match: IpBlocks) -> PolicyPeer:
    if isinstance(block := entry.get("ipBlock"), Mapping):
        return PolicyPeer(namespace, block=ip_block(block), blocks_match=blocks_match)
    pods, namespaces = entry.get("podSelector"), entry.get("namespaceSelector")
    return PolicyPeer(  # null is as missing, {} is not
        namespace,
        pods=None if pods is None else selectors.compiled(pods),
        namespaces=None if namespaces is None else selectors.compiled(namespaces),
    )


def port_of(entry: Mapping[str, Any]) -> Port:
    protocol, wanted = str(entry.get("protocol") or "TCP"), entry.get("port")
    if wanted is None:
        return Port(protocol)
    if isinstance(wanted, int) or str(wanted).isdecimal():
        last = entry.get("endPort")
        return Port(protocol, int(wanted), int(last) if last is not None else None)
    return Port(protocol, name=str(wanted))


def _rules(
    entries: object, *, peers: str, namespace: str, blocks_match: IpBlocks
) -> tuple[TierRule, ...]:
    found = []
    for number, entry in enumerate(entries if isinstance(entries, Sequence) else ()):
        entry = entry if isinstance(entry, Mapping) else {}
        listed, ports = entry.get(peers), entry.get("ports")
        rule = TierRule(
            number=number,
            action="allow",
            peers=tuple(_peer(p, namespace, blocks_match) for p in listed) if listed else None,
            ports=tuple(map(port_of, ports)) if ports else None,
        )
        found.append(rule)
    return tuple(found)


def policy(row: PolicyRow, blocks_match: IpBlocks = "everywhere") -> Policy:
    """A policy ready to be asked. policyTypes that are not given are inferred as the API server
    does."""
    spec = json.loads(row.spec)
    types = spec.get("policyTypes") or (
        ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]
    )
    rules: dict[Side, tuple[TierRule, ...]] = {}
    sides: tuple[tuple[str, Side, str], ...] = (
        ("Ingress", "ingress", "from"),
        ("Egress", "egress", "to"),
    )
    for kind, side, peers in sides:
        if kind in types:
            rules[side] = _rules(
                spec.get(side), peers=peers, namespace=row.namespace, blocks_match=blocks_match
            )
    return Policy(
        kind=KIND,
        namespace=row.namespace,
        name=row.name,
        subject=PodsOfNamespace(row.namespace, selectors.compiled(spec.get("podSelector") or {})),
        rules=rules,
        isolates=frozenset(rules),
        spec=spec,
    )


def policies(rows: Iterable[PolicyRow], blocks_match: IpBlocks = "everywhere") -> list[Policy]:
    """In the order of their names, so that the same one is always named."""
    found = (policy(row, blocks_match) for row in rows)
    return sorted(found, key=lambda p: (p.namespace, p.name))
