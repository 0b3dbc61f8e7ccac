"""What policies of every API are compiled to: rules with an action, peers and ports, in policies,
in tiers.

A connection is asked of each side by itself. The tiers are asked in order, in each tier the
policies, in each policy the rules; the first rule that matches decides, `pass` leads to the next
tier. What isolates a pod and has no rule for the connection denies at the tier's end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any, Literal, Protocol

from collectors.frozen import frozen
from diagnosis.reachability.certainty import Doubt, Match, all_of, any_of, doubt
from diagnosis.reachability.parties import Party

Side = Literal["egress", "ingress"]
Action = Literal["allow", "deny", "pass"]
SIDES: tuple[Side, ...] = ("egress", "ingress")


class Peer(Protocol):
    """One entry of `from` or `to`: which ends it means, seen from the pod that the policy
    selects."""

    @property
    def relative(self) -> bool:
        """Whether the answer depends on that pod (Cilium's `host` is its own node)."""

    def match(self, party: Party, own: Party) -> Match: ...

    def miss(self, party: Party) -> str:
        """Why an end does not match, as a clause."""

    @property
    def text(self) -> str: ...


class Ports(Protocol):
    """One entry of a rule's ports."""

    @property
    def named(self) -> bool:
        """Whether the answer depends on the names that the destination has for its ports."""

    def match(self, number: int, protocol: str, destination: Party) -> Match: ...

    @property
    def text(self) -> str: ...


@frozen
class Port:
    """A port of a rule. `number` None and `name` '': every port of the protocol, '' every
    protocol. `doubt`: what more is asked of such connections, which cannot be evaluated."""

    protocol: str
    number: int | None = None
    last: int | None = None
    name: str = ""
    doubt: Doubt | None = None

    @property
    def named(self) -> bool:
        return bool(self.name)

    def match(self, number: int, protocol: str, destination: Party) -> Match:
        """A name stands for its number at the destination's pod."""
        if self.protocol not in ("", protocol):
            return False
        if self.name:
            found = self._by_name(number, protocol, destination)
        elif self.number is None:
            found = True
        else:
            last = self.number if self.last is None else self.last
            found = self.number <= number <= last
        return self.doubt if self.doubt and found is True else found

    def _by_name(self, number: int, protocol: str, destination: Party) -> Match:
        if destination.unsure:
            return doubt(f"{destination.unsure}, and port {self.name!r} is a name")
        if destination.unlisted:
            return doubt(f"{destination.unlisted}, and port {self.name!r} is a name")
        return any(
            (p.name, p.protocol, p.number) == (self.name, protocol, number)
            for p in destination.ports
        )

    @property
    def text(self) -> str:
        number = self.name or ("every port" if self.number is None else str(self.number))
        if self.last is not None:
            number = f"{self.number}-{self.last}"
        return f"{number}/{self.protocol}" if self.protocol else number


@frozen
class TierRule:
    """`peers` or `ports` None: all of them. `own` narrows the pods that the policy selects.
    `doubt`: what of the rule cannot be evaluated, so that it may match where the rest of it
    does. `number` None: it stands for the whole of an object that is not evaluated."""

    number: int | None
    action: Action
    peers: tuple[Peer, ...] | None
    ports: tuple[Ports, ...] | None
    name: str = ""
    own: Peer | None = None
    doubt: Doubt | None = None

    @property
    def label(self) -> str:
        return f"rule {self.number}" + (f" ({self.name})" if self.name else "")

    @property
    def relative(self) -> bool:
        return any(peer.relative for peer in self.peers or ())

    @property
    def by_port_name(self) -> bool:
        return any(port.named for port in self.ports or ())

    def match(self, ask: Ask) -> Match:
        return all_of(self._parts(ask))

    def _parts(self, ask: Ask) -> tuple[Match, ...]:
        ports = self.match_ports(ask.number, ask.protocol, ask.destination)
        if ports is False:
            return (False,)
        peers = self.match_peers(ask.other, ask.own)
        if peers is False:
            return (False,)
        return ports, peers, self.match_own(ask.own), self.doubt or True

    def match_peers(self, party: Party, own: Party) -> Match:
        return self.peers is None or any_of(peer.match(party, own) for peer in self.peers)

    def match_ports(self, number: int, protocol: str, destination: Party) -> Match:
        if self.ports is None:
            return True
        return any_of(port.match(number, protocol, destination) for port in self.ports)

    def match_own(self, own: Party) -> Match:
        return self.own is None or self.own.match(own, own)


@frozen
class Ask:
    """One question of one side: `own` is the end whose policies are asked."""

    side: Side
    source: Party
    destination: Party
    number: int
    protocol: str

    @property
    def own(self) -> Party:
        return self.source if self.side == "egress" else self.destination

    @property
    def other(self) -> Party:
        return self.destination if self.side == "egress" else self.source


class PolicySubject(Protocol):
    """Which pods a policy is for: it goes by what `Party.alike` has, never by addresses."""

    def match(self, party: Party) -> Match: ...


@frozen
class Policy:
    """A policy of any API, ready to be asked. It isolates the pods that it selects in the sides
    of `isolates`."""

    kind: str
    namespace: str
    name: str
    subject: PolicySubject
    rules: Mapping[Side, tuple[TierRule, ...]]
    isolates: frozenset[Side]
    spec: Mapping[str, Any]

    @property
    def key(self) -> str:
        """NAMESPACE/NAME, or the name alone of what is of the whole cluster."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    @property
    def title(self) -> str:
        """As a sentence names it: the kind, too, where it is not a NetworkPolicy of Kubernetes."""
        return self.key if self.kind == "NetworkPolicy" else f"{self.kind} {self.key}"

    def title_of(self, rule: TierRule) -> str:
        """`rule 0 of shop/db`."""
        return self.title if rule.number is None else f"{rule.label} of {self.title}"

    def concerns(self, side: Side) -> bool:
        return side in self.isolates or bool(self.rules.get(side))

    def match(self, party: Party, side: Side) -> Match:
        return self.concerns(side) and self.subject.match(party)

    def selects(self, party: Party, side: Side) -> bool:
        """Whether it is known to select a pod."""
        return self.match(party, side) is True


@frozen
class Unread:
    """Policies that exist, or may, and could not be read: in all namespaces but those that were.
    `cuts_only`: they allow nothing that others deny."""

    text: str
    read_namespaces: frozenset[str] = frozenset()
    cuts_only: bool = False

    @property
    def actions(self) -> tuple[Action, ...]:
        return ("deny",) if self.cuts_only else ("deny", "allow")

    def covers(self, party: Party) -> bool:
        may_be_selected = party.selectable or bool(party.unsure)
        return may_be_selected and party.namespace not in self.read_namespaces


class Memory:
    """What has been worked out of a tier: of ends that are alike, and for the newest question
    of each side."""

    def __init__(self) -> None:
        self.selected: dict[object, Any] = {}
        self.newest: dict[Side, tuple[object, object, Any]] = {}


@frozen
class Tier:
    """Policies in the order in which they are asked; those of one group have the same rank, and
    which of them is asked first is not defined. `unread` policies would stand beside them:
    before the end, where all only add to what is allowed, else before everything.

    `order_unknown` says why it may stand elsewhere, and be passed by here; `end_unknown` why it is
    not known whether it denies at its end."""

    name: str
    groups: tuple[tuple[Policy, ...], ...]
    unread: tuple[Unread, ...] = ()
    additive: bool = False
    otherwise: Action = "deny"
    order_unknown: str = ""
    end_unknown: str = ""
    memory: Memory = field(default_factory=Memory)

    @property
    def policies(self) -> tuple[Policy, ...]:
        return tuple(policy for group in self.groups for policy in group)


@frozen
class Stack:
    """The chain of tiers of one network plugin; '' for what every plugin does."""

    plugin: str
    tiers: tuple[Tier, ...]

    @property
    def denies_own_node(self) -> bool:
        """Whether a rule may keep a pod's own node out, which is always let in otherwise."""
        return self.plugin == "Cilium"


def one_each(policies: Sequence[Policy]) -> tuple[tuple[Policy, ...], ...]:
    return tuple((policy,) for policy in policies)
