"""Calico's HostEndpoints: what they deny without any policy, and policies that are for what a host
forwards or receives before addresses are translated.

(Calico documentation, Protect hosts: a host endpoint without policy denies what goes to and from
the host, except the failsafe ports; for interfaceName "*" on every interface that is not a pod's.
Policies with applyOnForward are for what is forwarded as well, with preDNAT and doNotTrack for what
arrives, before node ports are translated.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from collectors.events import ForeignPolicyRow
from collectors.frozen import frozen
from diagnosis.reachability import calico_selectors
from diagnosis.reachability.calico_selectors import SelectorError
from diagnosis.reachability.certainty import Doubt, Match, doubt
from diagnosis.reachability.parties import Party
from diagnosis.reachability.policy_model import Policy, Side, TierRule

KIND = "HostEndpoint"
EARLY = ("preDNAT", "doNotTrack")  # which are asked before translation, and never for pods
ALLOWS_ALL = "projectcalico-default-allow"  # the profile of those that Calico makes by itself
# Felix, FailsafeInboundHostPorts and FailsafeOutboundHostPorts by default
FAILSAFE: dict[Side, tuple[tuple[int, str], ...]] = {
    "ingress": (
        (22, "TCP"),
        (68, "UDP"),
        *((port, "TCP") for port in (179, 2379, 2380, 5473, 6443, 6666, 6667)),
    ),
    "egress": (
        (53, "UDP"),
        (67, "UDP"),
        *((port, "TCP") for port in (179, 2379, 2380, 5473, 6443, 6666, 6667)),
    ),
}
Spec = Mapping[str, Any]


@frozen
class HostOf:
    """The node of a host endpoint; of one interface it is not known what comes by that."""

    node: str
    interface: str
    title: str

    def match(self, party: Party) -> Match:
        if not party.host:
            return doubt(party.maybe_node) if party.maybe_node else False
        if self.node and party.node and party.node != self.node:
            return False
        if self.node and party.node and self.interface == "*":
            return True
        return doubt(f"whether connections go by the interface of {self.title} is not known")


@frozen
class NotOfNode:
    """Whoever is not on the node itself: how its own pods are seen is a setting of Felix."""

    title: str
    relative: bool = True

    def match(self, party: Party, own: Party) -> Match:
        if party.node and party.node == own.node:
            between = "what is between a node and its own pods"
            return doubt(f"whether {self.title} is for {between} is not known")
        return True

    def miss(self, party: Party) -> str:
        return f"{party.name} is on the node itself"

    @property
    def text(self) -> str:
        return "without a policy for it, all but failsafe ports"


@frozen
class NoFailsafe:
    """Every port; of those that Felix keeps open it is not known whether it is set so."""

    side: Side
    named: bool = False

    def match(self, number: int, protocol: str, destination: Party) -> Match:
        if (number, protocol) in FAILSAFE[self.side]:
            return doubt(
                f"port {number}/{protocol} is a failsafe port of Felix unless set otherwise"
            )
        return True

    @property
    def text(self) -> str:
        return "every port that is not a failsafe port"


def _name(row: ForeignPolicyRow) -> str:
    return f"Calico {row.object_kind} {row.name}"


def by_default(rows: Iterable[ForeignPolicyRow]) -> Iterator[Policy]:
    """What host endpoints deny where no policy has decided; nothing with the profile that allows
    all."""
    for row in rows:
        if row.object_kind == KIND and ALLOWS_ALL not in (row.spec.get("profiles") or ()):
            yield _closed(row)


def _closed(row: ForeignPolicyRow) -> Policy:
    title, profiles = _name(row), row.spec.get("profiles") or ()
    reason = Doubt((f"{title}: what its profiles ({', '.join(map(str, profiles))}) allow",))
    sides: tuple[Side, ...] = ("ingress", "egress")
    return Policy(
        kind=f"Calico {KIND}",
        namespace="",
        name=row.name,
        subject=HostOf(
            str(row.spec.get("node") or ""), str(row.spec.get("interfaceName") or ""), title
        ),
        rules={side: (_deny(side, title, reason if profiles else None),) for side in sides},
        isolates=frozenset(),
        spec=row.spec,
    )


def _deny(side: Side, title: str, reason: Doubt | None) -> TierRule:
    return TierRule(
        number=None,
        action="deny",
        peers=(NotOfNode(title),),
        ports=(NoFailsafe(side),),
        doubt=reason,
    )


# --- policies for what a host forwards


class Anybody:
    """Pods, and nodes as what is received by them."""

    def match(self, party: Party) -> Match:
        return party.selectable or party.host


@frozen
class ByHosts:
    """Ends whose connections pass a host endpoint: what is between two nodes, or from outside."""

    nodes: frozenset[str]  # those that have one that the policy selects; none: not known which
    everywhere: bool  # whatever node it passes, as what a node port sends on
    title: str
    relative: bool = True

    def match(self, party: Party, own: Party) -> Match:
        if party.node and party.node == own.node:
            return False
        from_pod = party.selectable and not self.everywhere
        return not (from_pod and own.node and self.nodes and own.node not in self.nodes)

    def miss(self, party: Party) -> str:
        return f"{party.name} is on the same node"

    @property
    def text(self) -> str:
        return "what passes a host endpoint"


def forwarded(rows: Sequence[ForeignPolicyRow]) -> Iterator[Policy]:
    """Policies that host endpoints ask about what they forward: not evaluated, so that each may
    deny what passes a node that has one."""
    hosts = [row for row in rows if row.object_kind == KIND]
    for row in rows if hosts else ():
        if row.object_kind == "GlobalNetworkPolicy" and is_forwarded(row.spec):
            selected = [host for host in hosts if _selects(row, host)]
            if selected:
                yield _may_deny(row, selected)


def is_forwarded(spec: Spec) -> bool:
    return bool(spec.get("applyOnForward")) or is_early(spec)


def is_early(spec: Spec) -> bool:
    """Whether it is for host endpoints alone."""
    return any(spec.get(field) for field in EARLY)


def _selects(row: ForeignPolicyRow, host: ForeignPolicyRow) -> bool:
    """Also where its selector is not understood, or goes by more than labels."""
    try:
        selector = calico_selectors.compiled(str(row.spec.get("selector") or ""))
    except SelectorError:
        return True
    return selector.match(dict(host.labels), lambda key: "") is not False


def _may_deny(row: ForeignPolicyRow, hosts: Sequence[ForeignPolicyRow]) -> Policy:
    title = f"Calico {row.object_kind} {row.name}"
    reason = Doubt((f"{title} is for what host endpoints forward, and is not evaluated",))
    nodes = {str(host.spec.get("node") or "") for host in hosts}
    known = frozenset() if "" in nodes else frozenset(nodes)
    rules: dict[Side, tuple[TierRule, ...]] = {}
    for side in _sides(row.spec):
        peer = ByHosts(known, everywhere=side == "ingress", title=title)
        rules[side] = (
            TierRule(number=None, action="deny", peers=(peer,), ports=None, doubt=reason),
        )
    return Policy(
        kind=f"Calico {row.object_kind}",
        namespace="",
        name=row.name,
        subject=Anybody(),
        rules=rules,
        isolates=frozenset(),
        spec=row.spec,
    )


def _sides(spec: Spec) -> list[Side]:
    types = [str(one).lower() for one in spec.get("types") or ()]
    sides: tuple[Side, ...] = ("ingress", "egress")
    return [side for side in sides if side in types] or list(sides)
