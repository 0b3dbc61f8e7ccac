"""Calico's NetworkPolicy and GlobalNetworkPolicy (projectcalico.org/v3) compiled, and the order of
its tiers.

Semantics are those of Calico's documentation: policies in a tier by `order`, the first rule that
matches decides, Log decides nothing, Pass leads to the next tier, and a tier that selects a pod
denies at its end. Network policies of Kubernetes are in the tier `default` with order 1000.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from collectors.events import ForeignPolicyRow
from collectors.frozen import frozen
from diagnosis.reachability import calico_selectors
from diagnosis.reachability.calico_entities import Entity, NetworkSet, ProtocolPorts, set_of
from diagnosis.reachability.calico_selectors import Expression, SelectorError
from diagnosis.reachability.certainty import Doubt, Match, all_of, doubt
from diagnosis.reachability.parties import Party
from diagnosis.reachability.policy_model import Action, Policy, Side, Tier, TierRule, Unread

GROUPS = ("projectcalico.org", "crd.projectcalico.org")
POLICIES = ("NetworkPolicy", "GlobalNetworkPolicy")
SETS = ("NetworkSet", "GlobalNetworkSet")
ADMIN_ORDER, DEFAULT_ORDER, BASELINE_ORDER = 1_000.0, 1_000_000.0, 10_000_000.0
LAST = float("inf")
ORDERS = {
    "adminnetworkpolicy": ADMIN_ORDER,
    "kube-admin": ADMIN_ORDER,
    "default": DEFAULT_ORDER,
    "baselineadminnetworkpolicy": BASELINE_ORDER,
    "kube-baseline": BASELINE_ORDER,
}
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
    return Policy(
        kind=f"Calico {row.object_kind}",
        namespace=row.namespace,
        name=row.name,
        subject=_subject(row, hosts=hosts),
        rules=rules,
        isolates=sides,
        spec=row.spec,
    )


def is_calico(row: ForeignPolicyRow) -> bool:
    return row.group in GROUPS


def _of_forwarded(spec: Spec, *, hosts: bool) -> bool:
    """Whether it is for packets that a host endpoint forwards, and not for pods."""
    return not hosts and bool(spec.get("doNotTrack") or spec.get("preDNAT"))


@frozen
class CalicoTier:
    """Where a tier stands, and the policies in it with their orders."""

    name: str
    order: float
    policies: tuple[tuple[float, Policy], ...]
    otherwise: Action = "deny"


def tiers(rows: Iterable[ForeignPolicyRow]) -> list[CalicoTier]:
    """Calico's tiers that hold a policy, in their order."""
    rows = [row for row in rows if is_calico(row)]
    hosts = any(row.object_kind == "HostEndpoint" for row in rows)
    sets = [set_of(row) for row in rows if row.object_kind in SETS]
    known = {row.name: row.spec for row in rows if row.object_kind == "Tier"}
    held: dict[str, list[tuple[float, Policy]]] = {}
    for row in _policy_rows(rows, hosts=hosts):
        name = str(row.spec.get("tier") or "default")
        made = policy(row, sets=sets, hosts=hosts)
        if name not in known and name not in ORDERS:
            made = _of_unknown_tier(made, name)
        held.setdefault(name, []).append((_order(row.spec), made))
    found = [_tier(name, policies, known.get(name) or {}) for name, policies in held.items()]
    return sorted(found, key=lambda tier: (tier.order, tier.name))


def _policy_rows(rows: Iterable[ForeignPolicyRow], *, hosts: bool) -> Iterator[ForeignPolicyRow]:
    for row in rows:
        if row.object_kind in POLICIES and not _of_forwarded(row.spec, hosts=hosts):
            yield row


def _tier(name: str, policies: list[tuple[float, Policy]], spec: Spec) -> CalicoTier:
    given = _order(spec)
    order = ORDERS.get(name, LAST) if given == LAST else given
    passes = str(spec.get("defaultAction") or "").lower() == "pass"
    ordered = sorted(policies, key=lambda one: (one[0], one[1].namespace, one[1].name))
    return CalicoTier(name, order, tuple(ordered), "pass" if passes else "deny")


def _order(spec: Spec) -> float:
    value = spec.get("order")
    return float(value) if isinstance(value, int | float) else LAST


def _of_unknown_tier(one: Policy, tier: str) -> Policy:
    """Its rules may be asked earlier or later than is thought here."""
    reason = doubt(f"{one.title}: the order of its tier {tier} is not known")
    rules = {
        side: tuple(replace(rule, doubt=rule.doubt or reason) for rule in listed)
        for side, listed in one.rules.items()
    }
    return replace(one, rules=rules)


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
