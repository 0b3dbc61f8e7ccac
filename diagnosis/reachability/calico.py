"""Calico's NetworkPolicy and GlobalNetworkPolicy (projectcalico.org/v3) compiled, and the order of
its tiers.

Semantics are those of Calico's documentation: policies in a tier by `order`, the first rule that
matches decides, Log decides nothing, Pass leads to the next tier, and a tier that selects a pod
denies at its end. Network policies of Kubernetes are in the tier `default` with order 1000.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from collectors.events import ForeignPolicyRow
from collectors.frozen import frozen
from diagnosis.reachability import calico_hosts, calico_selectors
from diagnosis.reachability.calico_entities import Entity, NetworkSet, ProtocolPorts, set_of
from diagnosis.reachability.calico_selectors import Expression, SelectorError
from diagnosis.reachability.certainty import Doubt, Match, all_of, doubt
from diagnosis.reachability.parties import Party
from diagnosis.reachability.policy_model import (
    Action,
    Policy,
    Side,
    Tier,
    TierRule,
    Unread,
    one_each,
)
from diagnosis.reachability.unknown_fields import with_unknown_fields

GROUPS = ("projectcalico.org", "crd.projectcalico.org")
POLICIES = ("NetworkPolicy", "GlobalNetworkPolicy")
SETS = ("NetworkSet", "GlobalNetworkSet", "HostEndpoint")  # what selectors select by address
ADMIN_ORDER, DEFAULT_ORDER, BASELINE_ORDER = 1_000.0, 1_000_000.0, 10_000_000.0
LAST = float("inf")
# tiers of Calico's own making: their order, and what they do at their end
OWN: dict[str, tuple[float, Action]] = {
    "adminnetworkpolicy": (ADMIN_ORDER, "pass"),
    "kube-admin": (ADMIN_ORDER, "pass"),
    "default": (DEFAULT_ORDER, "deny"),
    "baselineadminnetworkpolicy": (BASELINE_ORDER, "pass"),
    "kube-baseline": (BASELINE_ORDER, "pass"),
}
NO_TIER = "whose Tier was not seen: its order and its default action are not known"
KUBERNETES_ORDER = 1_000.0  # of network policies of Kubernetes, in the tier `default`
ACTIONS: dict[str, Action] = {"allow": "allow", "deny": "deny", "pass": "pass"}
Spec = Mapping[str, Any]


@frozen
class Selected:
    """The pods that a policy is for."""

    title: str
    namespace: str  # '' for those of every namespace
    pods: Expression
    namespaces: Expression | None
    doubt: Doubt | None
    hosts: bool  # whether host endpoints exist, which it may select, too

    def match(self, party: Party) -> Match:
        if party.unsure:
            return doubt(party.unsure)
        if party.host:
            return self._host()
        if not party.selectable or (self.namespace and party.namespace != self.namespace):
            return False
        return all_of((self._selected(party), self.doubt or True))

    def _selected(self, party: Party) -> Match:
        entity = Entity(self.title, selector=self.pods, namespaces=self.namespaces)
        return entity.match(party, party)

    def _host(self) -> Match:
        if not self.hosts or self.namespace:
            return False
        return doubt(f"{self.title} may select the node's host endpoint")


@frozen
class Unread3:
    """A policy whose selector is not understood."""

    reason: str

    def match(self, party: Party) -> Match:
        return doubt(self.reason) if party.selectable or party.unsure else False


def title_of(row: ForeignPolicyRow) -> str:
    name = f"{row.namespace}/{row.name}" if row.namespace else row.name
    return f"Calico {row.object_kind} {name}"


def _subject(row: ForeignPolicyRow, *, hosts: bool) -> Selected | Unread3:
    spec, title = row.spec, title_of(row)
    try:
        pods = calico_selectors.compiled(str(spec.get("selector") or ""))
        wanted = spec.get("namespaceSelector")
        namespaces = calico_selectors.compiled(str(wanted)) if wanted else None
    except SelectorError as error:
        return Unread3(f"{title}: {error}")
    accounts = str(spec.get("serviceAccountSelector") or "")
    uncertain = accounts and accounts.replace(" ", "") != "all()"
    reason = f"{title}: serviceAccountSelector {accounts}, and pods' accounts are not listed"
    return Selected(
        title=title,
        namespace=row.namespace,
        pods=pods,
        namespaces=namespaces,
        doubt=doubt(reason) if uncertain else None,
        hosts=hosts,
    )


def _sides(spec: Spec) -> frozenset[Side]:
    """`types`, inferred where they are not given."""
    types = [str(one).lower() for one in spec.get("types") or ()]
    if not types:
        types = ["egress"] if spec.get("egress") else []
        types += ["ingress"] if spec.get("ingress") or not types else []
    found: list[Side] = []
    found += ["ingress"] if "ingress" in types else []
    found += ["egress"] if "egress" in types else []
    return frozenset(found)


UNEVALUATED = ("http",)


def _rule(
    number: int, entry: Spec, *, side: Side, title: str, namespace: str, sets: Sequence[NetworkSet]
) -> TierRule | None:
    """None for a rule that decides nothing (Log)."""
    where = f"{title}, {side} rule {number}"
    word = str(entry.get("action") or "").lower()
    if word == "log":
        return None
    ends = {}
    for name in ("source", "destination"):
        ends[name] = Entity.of(
            entry.get(name) or {}, where=f"{where}, {name}", namespace=namespace, sets=sets
        )
    peer, own = ends["source"], ends["destination"]
    if side == "egress":
        peer, own = own, peer
    given = [f for f in UNEVALUATED if entry.get(f)]
    reasons = [f"{where}: {f} is not evaluated" for f in given]
    if word not in ACTIONS:
        reasons.append(f"{where}: action {entry.get('action')!r} is not known")
    if isinstance(entry.get("source"), Mapping):
        reasons += _source_ports(entry["source"], where)
    reasons += _ports_alone(entry, where)
    return TierRule(
        number=number,
        action=ACTIONS.get(word, "deny"),
        peers=(peer,),
        ports=(ProtocolPorts.of(entry),),
        own=None if own.unrestricted else own,
        doubt=Doubt(tuple(reasons)) if reasons else None,
    )


def _source_ports(source: Spec, where: str) -> list[str]:
    """A client's own port is any: rules about it cannot be evaluated."""
    fields = [field for field in ("ports", "notPorts") if source.get(field)]
    return [f"{where}: source.{field} asks for the client's port" for field in fields]


def _ports_alone(entry: Spec, where: str) -> list[str]:
    """Numbers of ports need a protocol: some releases refuse such a policy, some accept it."""
    destination = entry.get("destination") or {}
    listed = [*(destination.get("ports") or ()), *(destination.get("notPorts") or ())]
    if entry.get("protocol") or not any(str(port)[:1].isdecimal() for port in listed):
        return []
    return [f"{where}: ports without a protocol, which not every release of Calico accepts"]


def policy(
    row: ForeignPolicyRow, *, sets: Sequence[NetworkSet] = (), hosts: bool = False
) -> Policy:
    sides = _sides(row.spec)
    rules: dict[Side, tuple[TierRule, ...]] = {}
    for side in sides:
        found = []
        for number, entry in enumerate(row.spec.get(side) or ()):
            rule = _rule(
                number,
                entry,
                side=side,
                title=title_of(row),
                namespace=row.namespace,
                sets=sets,
            )
            found += [rule] if rule else []
        rules[side] = tuple(found)
    made = Policy(
        kind=f"Calico {row.object_kind}",
        namespace=row.namespace,
        name=row.name,
        subject=_subject(row, hosts=hosts),
        rules=rules,
        isolates=sides,
        spec=row.spec,
    )
    return with_unknown_fields(made, row)


def is_calico(row: ForeignPolicyRow) -> bool:
    return row.group in GROUPS


@frozen
class CalicoTier:
    """Where a tier stands, and the policies in it with their orders. `known` is False where its
    Tier was not seen, so that neither its order nor its default action is known."""

    name: str
    order: float
    policies: tuple[tuple[float, Policy], ...]
    otherwise: Action = "deny"
    known: bool = True

    @property
    def groups(self) -> tuple[tuple[Policy, ...], ...]:
        return one_each([policy for _, policy in self.policies])


def tiers(rows: Iterable[ForeignPolicyRow]) -> list[CalicoTier]:
    """Calico's tiers that hold a policy, in their order."""
    rows = [row for row in rows if is_calico(row)]
    hosts = any(row.object_kind == "HostEndpoint" for row in rows)
    sets = [set_of(row) for row in rows if row.object_kind in SETS]
    known = {row.name: row.spec for row in rows if row.object_kind == "Tier"}
    held: dict[str, list[tuple[float, Policy]]] = {}
    for row in _policy_rows(rows):
        name = str(row.spec.get("tier") or "default")
        made = policy(row, sets=sets, hosts=hosts)
        held.setdefault(name, []).append((_order(row.spec), made))
    found = [_tier(name, policies, known.get(name)) for name, policies in held.items()]
    found += _of_hosts(rows)
    return sorted(found, key=lambda tier: (tier.order, tier.name))


def _of_hosts(rows: Sequence[ForeignPolicyRow]) -> Iterator[CalicoTier]:
    """What host endpoints ask before everything else, and what they do at the end."""
    places = (-LAST, calico_hosts.forwarded(rows)), (LAST, calico_hosts.by_default(rows))
    for order, policies in places:
        if made := tuple((order, policy) for policy in policies):
            yield CalicoTier("host endpoints", order, made, "pass")


def _policy_rows(rows: Iterable[ForeignPolicyRow]) -> Iterator[ForeignPolicyRow]:
    for row in rows:
        if row.object_kind in POLICIES and not calico_hosts.is_early(row.spec):
            yield row


def _tier(name: str, policies: list[tuple[float, Policy]], spec: Spec | None) -> CalicoTier:
    order, otherwise = OWN.get(name, (LAST, "deny"))
    ordered = sorted(policies, key=lambda one: (one[0], one[1].namespace, one[1].name))
    if spec is None:
        return CalicoTier(name, order, tuple(ordered), otherwise, known=name in OWN)
    given = _order(spec)
    action = str(spec.get("defaultAction") or otherwise).lower()
    return CalicoTier(
        name,
        order if given == LAST else given,
        tuple(ordered),
        "pass" if action == "pass" else "deny",
    )


def _order(spec: Spec) -> float:
    value = spec.get("order")
    return float(value) if isinstance(value, int | float) else LAST


def tier_chain(
    found: Sequence[CalicoTier], beside: Sequence[tuple[float, Tier]]
) -> tuple[Tier, ...]:
    """Tiers and those `beside` them in their order. One whose order is not known may be asked
    before all others, where it may be passed by, and after them."""
    placed = [(one.order, Tier(one.name, one.groups, otherwise=one.otherwise)) for one in found]
    known = [tier for tier, one in zip(placed, found, strict=True) if one.known]
    ordered = [tier for _, tier in sorted([*beside, *known], key=lambda one: one[0])]
    unknown = [one for one in found if not one.known]
    first = (Tier(one.name, one.groups, order_unknown=NO_TIER) for one in unknown)
    last = (Tier(one.name, one.groups, end_unknown=NO_TIER) for one in unknown)
    return (*first, *ordered, *last)


def with_kubernetes(
    tier: CalicoTier, kubernetes: Sequence[Policy], unread: tuple[Unread, ...]
) -> Tier:
    """The tier `default`, in which the network policies of Kubernetes stand at order 1000."""
    before = [policy for order, policy in tier.policies if order < KUBERNETES_ORDER]
    after = [policy for order, policy in tier.policies if order >= KUBERNETES_ORDER]
    ordered = [*before, *kubernetes, *after]
    return Tier(
        name="Calico",
        groups=tuple((policy,) for policy in ordered),
        unread=unread,
        additive=not after and not before,
        otherwise=tier.otherwise,
    )
