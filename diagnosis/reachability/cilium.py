"""CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy (cilium.io/v2) compiled.

Semantics are those of Cilium's documentation: what is denied is denied whatever allows it; a
policy with rules for a direction isolates the pods it selects there, unless enableDefaultDeny
says otherwise; an empty rule allows nothing; blocks of addresses match neither pods nor nodes.
The network policies of Kubernetes stand beside them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from collectors.events import ForeignPolicyRow
from collectors.frozen import frozen
from diagnosis.reachability.certainty import Doubt, Match, doubt
from diagnosis.reachability.cilium_peers import (
    NAMESPACE,
    NAMESPACE_LABELS,
    RESERVED,
    CidrGroup,
    Cidrs,
    Endpoints,
    Entities,
    OutsideOrNodes,
    asks_for_nodes,
    selector_of,
)
from diagnosis.reachability.parties import Party
from diagnosis.reachability.policy_model import Action, Peer, Policy, Port, Side, TierRule
from diagnosis.reachability.unknown_fields import with_unknown_fields

GROUP = "cilium.io"
K8S_NAMESPACE = f"k8s:{NAMESPACE}"
POLICIES = ("CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy")
SIDES: tuple[tuple[Side, str], ...] = (("ingress", "from"), ("egress", "to"))
AUTHENTICATION = "authentication"  # a field of a rule
UNEVALUATED_PORTS = ("terminatingTLS", "originatingTLS", "serverNames", "listener")
Spec = Mapping[str, Any]


@frozen
class SelectedEndpoints:
    """The pods that a policy is for; with a nodeSelector it is for the nodes themselves."""

    endpoints: Endpoints | None
    host_reason: str = ""

    def match(self, party: Party) -> Match:
        if self.endpoints is None:
            return doubt(self.host_reason) if party.host or party.unsure else False
        return self.endpoints.match(party, party)


def is_cilium(row: ForeignPolicyRow) -> bool:
    return row.group == GROUP and row.object_kind in POLICIES


def title_of(row: ForeignPolicyRow) -> str:
    name = f"{row.namespace}/{row.name}" if row.namespace else row.name
    return f"{row.object_kind} {name}"


def _specs(row: ForeignPolicyRow) -> Iterator[Spec]:
    """A policy has one `spec`, several `specs`, or both."""
    own = {key: value for key, value in row.spec.items() if key != "specs"}
    if own:
        yield own
    for spec in row.spec.get("specs") or ():
        if isinstance(spec, Mapping):
            yield spec


def _subject(row: ForeignPolicyRow, spec: Spec) -> SelectedEndpoints:
    wanted = spec.get("endpointSelector")
    if wanted is None and spec.get("nodeSelector") is not None:
        return SelectedEndpoints(
            None, f"{title_of(row)} is for nodes (nodeSelector), which is not evaluated"
        )
    selector = selector_of(_in_own_namespace(row, wanted or {}))
    return SelectedEndpoints(Endpoints(selector, namespace=row.namespace, everywhere=True))


def _in_own_namespace(row: ForeignPolicyRow, selector: Spec) -> Spec:
    """A policy selects in its own namespace: Cilium puts that in the place of another that the
    selector names (`k8s:io.kubernetes.pod.namespace`; pkg/k8s/apis/cilium.io/utils)."""
    labels = selector.get("matchLabels") or {}
    if not row.namespace or K8S_NAMESPACE not in labels:
        return selector
    return {**selector, "matchLabels": {**labels, K8S_NAMESPACE: row.namespace}}


def _isolates(spec: Spec) -> frozenset[Side]:
    """The directions in which what no rule allows is denied."""
    given = spec.get("enableDefaultDeny") or {}
    found = []
    for side, _ in SIDES:
        has_rules = bool(spec.get(side) or spec.get(f"{side}Deny"))
        wanted = given.get(side)
        if has_rules if wanted is None else wanted:
            found.append(side)
    return frozenset(found)


@frozen
class CiliumSource:
    """Where a rule stands, for the names of what cannot be evaluated."""

    title: str
    namespace: str
    side: Side
    prefix: str  # 'from' or 'to'
    groups: tuple[CidrGroup, ...] = ()

    def of(self, number: int, deny: bool) -> str:
        return f"{self.title}, {self.side}{'Deny' if deny else ''} rule {number}"


def _peers(entry: Spec, source: CiliumSource, where: str) -> tuple[Peer, ...] | None:
    """None where the rule names no peers: it is about everybody."""
    prefix, given = source.prefix, False
    found: list[Peer] = []
    endpoints, entities = entry.get(f"{prefix}Endpoints"), entry.get(f"{prefix}Entities")
    if isinstance(endpoints, Sequence):
        given = True
        for one in endpoints:
            selector = selector_of(one or {})
            own_only = "" if _names_namespace(one or {}) else source.namespace
            relative = asks_for_nodes(selector)
            found.append(Endpoints(selector, namespace=own_only, relative=relative))
    if isinstance(entities, Sequence):
        given = True
        found.append(Entities(tuple(map(str, entities)), where))
    if cidrs := [*(entry.get(f"{prefix}CIDR") or ()), *(entry.get(f"{prefix}CIDRSet") or ())]:
        given = True
        found.append(Cidrs.of(cidrs, where, source.groups))
    for field, nodes in OUTSIDE_FIELDS.items():
        if entry.get(f"{prefix}{field}"):
            given = True
            found.append(OutsideOrNodes(f"{where}: {prefix}{field}", nodes_only=nodes))
    return tuple(found) if given else None


OUTSIDE_FIELDS = {"FQDNs": False, "Services": False, "Groups": False, "Nodes": True}


def _names_namespace(selector: Spec) -> bool:
    """Whether a selector says of which namespace it is, or means what is of none (reserved labels),
    so that it is not limited to the policy's."""
    keys = list(selector.get("matchLabels") or {})
    keys += [str(e.get("key")) for e in selector.get("matchExpressions") or ()]
    return any(
        NAMESPACE in key or NAMESPACE_LABELS in key or key.startswith(RESERVED) for key in keys
    )


def _ports(entry: Spec, where: str) -> tuple[Port, ...] | None:
    """None for every port. Rules about ICMP are about no port."""
    if entry.get("icmps") and not entry.get("toPorts"):
        return ()
    found: list[Port] = []
    for number, one in enumerate(entry.get("toPorts") or ()):
        uncertain = _layer_7(one, f"{where}: toPorts[{number}]")
        listed: Sequence[Spec] = one.get("ports") or ({},)
        for port in listed:
            found.append(_port(port, uncertain or _falling_range(port, where)))
    return tuple(found) or None


def _falling_range(entry: Spec, where: str) -> Doubt | None:
    """The API accepts an end below the beginning, and does not say what it means."""
    first, last = str(entry.get("port") or ""), entry.get("endPort") or 0
    if not last or (first.isdecimal() and int(first) <= int(last)):
        return None
    return doubt(f"{where}: endPort {last} is below port {first}, or beside the name of a port")


def _layer_7(entry: Spec, where: str) -> Doubt | None:
    """What a rule asks for beyond the port. Of names in DNS all are allowed where `*` is."""
    reasons = [f"{where}.{field}" for field in UNEVALUATED_PORTS if entry.get(field)]
    for name, rules in (entry.get("rules") or {}).items():
        if rules and not (name == "dns" and any(r.get("matchPattern") == "*" for r in rules)):
            reasons.append(f"{where}.rules.{name} looks into the traffic (L7)")
    return Doubt(tuple(reasons)) if reasons else None


def _port(entry: Spec, uncertain: Doubt | None) -> Port:
    protocol = str(entry.get("protocol") or "ANY").upper()
    protocol = "" if protocol == "ANY" else protocol
    text = str(entry.get("port") or "0")
    if not text.isdecimal():
        return Port(protocol, name=text.lower(), doubt=uncertain)
    last = int(entry.get("endPort") or 0)
    number = int(text) or None
    rises = number is not None and last >= number
    return Port(protocol, number, last if rises else None, doubt=uncertain)


def _authenticates(entry: Spec) -> bool:
    mode = (entry.get(AUTHENTICATION) or {}).get("mode")
    return bool(entry.get(AUTHENTICATION)) and mode != "disabled"


def _rule(number: int, entry: Spec, source: CiliumSource, *, deny: bool) -> TierRule:
    where = source.of(number, deny)
    peers, ports = _peers(entry, source, where), _ports(entry, where)
    if peers is None and ports is None:
        peers = ()  # an empty rule is about nobody
    reasons = [f"{where}: {AUTHENTICATION}"] if _authenticates(entry) else []
    if entry.get(f"{source.prefix}Requires"):
        reasons.append(f"{where}: {source.prefix}Requires")
    action: Action = "deny" if deny else "allow"
    return TierRule(
        number=number,
        action=action,
        peers=peers,
        ports=ports,
        name="deny" if deny else "",
        doubt=Doubt(tuple(reasons)) if reasons else None,
    )


def groups_of(rows: Iterable[ForeignPolicyRow]) -> tuple[CidrGroup, ...]:
    """The CiliumCIDRGroups among some rows."""
    return tuple(
        CidrGroup(row.name, dict(row.labels), tuple(map(str, row.spec.get("externalCIDRs") or ())))
        for row in rows
        if row.group == GROUP and row.object_kind == "CiliumCIDRGroup"
    )


def _compiled(
    row: ForeignPolicyRow, spec: Spec, groups: tuple[CidrGroup, ...], *, deny: bool
) -> Policy:
    """The rules that deny, or those that allow, of one spec. What isolates is with those that
    allow."""
    rules: dict[Side, tuple[TierRule, ...]] = {}
    for side, prefix in SIDES:
        source = CiliumSource(title_of(row), row.namespace, side, prefix, groups)
        listed = spec.get(f"{side}Deny" if deny else side) or ()
        rules[side] = tuple(
            _rule(number, entry or {}, source, deny=deny) for number, entry in enumerate(listed)
        )
    made = Policy(
        kind=row.object_kind,
        namespace=row.namespace,
        name=row.name,
        subject=_subject(row, spec),
        rules=rules,
        isolates=frozenset() if deny else _isolates(spec),
        spec=spec,
    )
    return with_unknown_fields(made, row)


def policies(rows: Iterable[ForeignPolicyRow], *, deny: bool) -> list[Policy]:
    """Compiled in the order of names: what they deny, or what they allow."""
    rows = tuple(rows)
    groups = groups_of(rows)
    ordered = sorted(filter(is_cilium, rows), key=lambda row: (row.namespace, row.name))
    return [_compiled(row, spec, groups, deny=deny) for row in ordered for spec in _specs(row)]
