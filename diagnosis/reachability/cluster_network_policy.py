"""ClusterNetworkPolicy (policy.networking.k8s.io/v1alpha2), AdminNetworkPolicy and
BaselineAdminNetworkPolicy (v1alpha1) compiled: tiers before and after NetworkPolicy, in which the
first rule that matches decides.

Semantics are those of the API's documentation (network-policy-api): no rule isolates; `networks`
match pods, too; of two policies of one priority either may be asked first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from collectors.events import ForeignPolicyRow
from collectors.frozen import frozen
from diagnosis.reachability import selectors
from diagnosis.reachability.address_blocks import Block, block_of, names_of
from diagnosis.reachability.certainty import Doubt, Match, all_of, any_of, doubt
from diagnosis.reachability.network_policy import namespace_match, pod_match
from diagnosis.reachability.parties import Party
from diagnosis.reachability.policy_model import Action, Peer, Policy, Port, Side, TierRule
from diagnosis.reachability.selectors import EVERYTHING, LabelSelector
from diagnosis.reachability.unknown_fields import with_unknown_fields

GROUP = "policy.networking.k8s.io"
ACTIONS: dict[str, Action] = {"Accept": "allow", "Allow": "allow", "Deny": "deny", "Pass": "pass"}
TIERS = {"AdminNetworkPolicy": "Admin", "BaselineAdminNetworkPolicy": "Baseline"}
Spec = Mapping[str, Any]


@frozen
class SelectedPods:
    """Pods by their labels in namespaces by theirs: a subject, and an entry of `from` or `to`."""

    namespaces: LabelSelector
    pods: LabelSelector
    relative: bool = False

    def match(self, party: Party, own: Party | None = None) -> Match:
        if party.unsure:
            return doubt(party.unsure)
        if not party.selectable:
            return False
        pods = pod_match(self.pods, party)
        return pods and all_of((namespace_match(self.namespaces, party), pods))

    def miss(self, party: Party) -> str:
        if party.host:
            return "it is on the host's network: selectors never match it"
        if not party.selectable:
            return "it is not a pod: selectors never match it"
        if missing := self.namespaces.miss(party.namespace_labels or {}):
            return f"namespace {party.namespace} {missing}"
        return f"pod {party.name} {self.pods.miss(party.labels or {})}"

    @property
    def text(self) -> str:
        return f"namespaces {self.namespaces.text} and pods {self.pods.text}"


@frozen
class SelectedNodes:
    """Nodes by their labels."""

    nodes: LabelSelector
    relative: bool = False

    def match(self, party: Party, own: Party) -> Match:
        if reason := party.maybe_node or party.unsure:
            return doubt(reason)
        if not party.host:
            return False
        if party.node_labels is None and self.nodes.requirements:
            return doubt(f"the labels of node {party.node or party.name} are not known")
        return self.nodes(party.node_labels or {})

    def miss(self, party: Party) -> str:
        if not party.host:
            return "it is not a node"
        return f"node {party.node} {self.nodes.miss(party.node_labels or {})}"

    @property
    def text(self) -> str:
        return f"nodes {self.nodes.text}"


@frozen
class Networks:
    """Blocks of addresses, wherever they are."""

    blocks: tuple[Block, ...]
    relative: bool = False

    def match(self, party: Party, own: Party) -> Match:
        return any_of(block.match(party) for block in self.blocks)

    def miss(self, party: Party) -> str:
        return f"{', '.join(party.ips)} is not in {self.text}"

    @property
    def text(self) -> str:
        return names_of(self.blocks)


@frozen
class Uncertain:
    """An entry that cannot be evaluated: it may match what is outside of the cluster, or,
    `pods_too`, anybody."""

    reason: str
    text: str
    pods_too: bool = False
    relative: bool = False

    def match(self, party: Party, own: Party) -> Match:
        if party.in_cluster and not self.pods_too:
            return False
        return doubt(self.reason)

    def miss(self, party: Party) -> str:
        return f"{self.text} means what is outside of the cluster"


def _selector(value: object) -> LabelSelector:
    return EVERYTHING if value is None else selectors.compiled(value)


def _pods(entry: Spec) -> SelectedPods | None:
    """`namespaces` or `pods` of a subject or a peer; None where it has neither, or more than is
    known of."""
    if isinstance(found := entry.get("namespaces"), Mapping):
        if {"sameLabels", "notSameLabels", "namespaceSelector"} & set(found):
            return None  # of a version before v1alpha1 was changed
        return SelectedPods(selectors.compiled(found), EVERYTHING)
    if isinstance(found := entry.get("pods"), Mapping):
        namespaces = found.get("namespaceSelector", found.get("namespaces"))
        return SelectedPods(_selector(namespaces), _selector(found.get("podSelector")))
    return None


def _peer(entry: Spec, where: str) -> Peer:
    if pods := _pods(entry):
        return pods
    if isinstance(nodes := entry.get("nodes"), Mapping):
        return SelectedNodes(selectors.compiled(nodes))
    if networks := entry.get("networks"):
        found = (block_of(cidr) for cidr in networks)
        return Networks(tuple(block for block in found if block is not None))
    if names := entry.get("domainNames"):
        shown = ", ".join(map(str, names))
        return Uncertain(f"{where}.domainNames ({shown}) go by names", f"domainNames {shown}")
    fields = ", ".join(map(str, entry)) or "an entry without a field"
    return Uncertain(f"{where} has {fields}, which is not evaluated", fields, pods_too=True)


@frozen
class DestinationName:
    """A named port of any protocol."""

    name: str
    named: bool = True

    def match(self, number: int, protocol: str, destination: Party) -> Match:
        return Port(protocol, name=self.name).match(number, protocol, destination)

    @property
    def text(self) -> str:
        return self.name


def _port_v1alpha1(entry: Spec) -> Port | DestinationName | None:
    if isinstance(one := entry.get("portNumber"), Mapping):
        return Port(str(one.get("protocol") or "TCP"), int(one.get("port") or 0))
    if isinstance(one := entry.get("portRange"), Mapping):
        protocol = str(one.get("protocol") or "TCP")
        return Port(protocol, int(one.get("start") or 0), int(one.get("end") or 0))
    name = entry.get("namedPort")
    return DestinationName(str(name)) if name else None


def _port_v1alpha2(entry: Spec) -> Port | DestinationName | None:
    if name := entry.get("destinationNamedPort"):
        return DestinationName(str(name))
    protocol = next((p for p in ("tcp", "udp", "sctp") if isinstance(entry.get(p), Mapping)), "")
    if not protocol:
        return None
    wanted = entry[protocol].get("destinationPort") or {}
    if isinstance(span := wanted.get("range"), Mapping):
        return Port(protocol.upper(), int(span.get("start") or 0), int(span.get("end") or 0))
    number = wanted.get("number")
    return Port(protocol.upper(), int(number) if number else None)


def _rule(number: int, entry: Spec, *, peers: str, title: str) -> TierRule:
    where = f"{title}: {peers} of rule {number}"
    listed = tuple(_peer(p, where) for p in entry.get(peers) or () if isinstance(p, Mapping))
    ports: list[Port | DestinationName] = []
    unread = False
    given = [(p, _port_v1alpha1) for p in entry.get("ports") or ()]
    given += [(p, _port_v1alpha2) for p in entry.get("protocols") or ()]
    for one, build in given:
        found = build(one)
        unread = unread or found is None
        ports += [found] if found else []
    action = ACTIONS.get(str(entry.get("action")))
    return TierRule(
        number=number,
        action=action or "deny",
        peers=listed,
        ports=None if not given or unread else tuple(ports),
        name=str(entry.get("name") or ""),
        doubt=_doubt(where, unread=unread, action=action, entry=entry),
    )


def _doubt(where: str, *, unread: bool, action: Action | None, entry: Spec) -> Doubt | None:
    if action is None:
        return doubt(f"{where}: action {entry.get('action')!r} is not known")
    return doubt(f"{where}: its ports are not evaluated") if unread else None


@frozen
class UnknownSubject:
    """A subject that cannot be evaluated."""

    reason: str

    def match(self, party: Party) -> Match:
        return doubt(self.reason) if party.selectable or party.unsure else False


def policy(row: ForeignPolicyRow) -> Policy:
    return with_unknown_fields(compiled(row), row)


def compiled(row: ForeignPolicyRow) -> Policy:
    """As far as its fields are known."""
    title = f"{row.object_kind} {row.name}"
    rules: dict[Side, tuple[TierRule, ...]] = {}
    sides: tuple[tuple[Side, str], ...] = (("ingress", "from"), ("egress", "to"))
    for side, peers in sides:
        listed = row.spec.get(side) or ()
        rules[side] = tuple(
            _rule(number, entry, peers=peers, title=f"{title}, {side}")
            for number, entry in enumerate(listed)
        )
    subject = _pods(row.spec.get("subject") or {})
    return Policy(
        kind=row.object_kind,
        namespace="",
        name=row.name,
        subject=subject or UnknownSubject(f"{title}: its subject is not evaluated"),
        rules=rules,
        isolates=frozenset(),
        spec=row.spec,
    )


def tier_of(row: ForeignPolicyRow) -> str:
    """Admin or Baseline; '' for what is no such policy."""
    if row.group != GROUP:
        return ""
    if row.object_kind == "ClusterNetworkPolicy":
        return str(row.spec.get("tier") or "Admin")
    return TIERS.get(row.object_kind, "")


def by_priority(rows: Iterable[ForeignPolicyRow], tier: str) -> tuple[tuple[Policy, ...], ...]:
    """The policies of a tier, those of one priority together."""
    ranks: dict[int, list[ForeignPolicyRow]] = {}
    for row in sorted(rows, key=lambda r: r.name):
        if tier_of(row) == tier:
            ranks.setdefault(int(row.spec.get("priority") or 0), []).append(row)
    return tuple(tuple(map(policy, ranks[priority])) for priority in sorted(ranks))
