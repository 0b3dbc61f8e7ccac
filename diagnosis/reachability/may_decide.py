"""Policies that are known and not evaluated, as rules that may match: for which pods, in which
direction, on which ports and with which ends, as far as that can be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from collectors.events import ForeignPolicyRow
from collectors.frozen import frozen
from diagnosis.reachability import selectors
from diagnosis.reachability.address_blocks import Block, names_of
from diagnosis.reachability.certainty import Doubt, Match, any_of, doubt, negated
from diagnosis.reachability.cluster_network_policy import SelectedPods
from diagnosis.reachability.network_policy import PodsOfNamespace
from diagnosis.reachability.parties import Party
from diagnosis.reachability.policy_model import (
    Action,
    Peer,
    Policy,
    PolicySubject,
    Port,
    Ports,
    Side,
    TierRule,
)
from diagnosis.reachability.selectors import EVERYTHING, LabelSelector

Spec = Mapping[str, Any]
CUT: tuple[Action, ...] = ("deny",)
BOTH: tuple[Action, ...] = ("deny", "allow")
TCP = (Port("TCP"),)  # all that proxies of a mesh see
EVERYONE = SelectedPods(EVERYTHING, EVERYTHING)


@frozen
class Concern:
    """What an object may decide of one direction. `certain`: it is known to match, which only
    leads on to what comes next (`pass`)."""

    side: Side
    ports: tuple[Ports, ...] | None = None
    peers: tuple[Peer, ...] | None = None
    actions: tuple[Action, ...] = CUT
    certain: bool = False
    own: Peer | None = None  # narrows the pods


@frozen
class Reading:
    """Of an object: its pods and what it may decide of them. `note` says what of it decides,
    `late` that it is asked after NetworkPolicies."""

    subject: PolicySubject
    concerns: tuple[Concern, ...]
    note: str = ""
    late: bool = False


@frozen
class Known:
    """What stands around an object: the others, and the labels of the nodes."""

    rows: Sequence[ForeignPolicyRow] = ()
    nodes: Sequence[Mapping[str, str]] = ()


Reader = Callable[[ForeignPolicyRow, Known], Iterator[Reading]]


def policy_of(row: ForeignPolicyRow, title: str, reading: Reading) -> Policy:
    """`title` is what its kind is called."""
    name = f"{row.namespace}/{row.name}".lstrip("/")
    note = f" ({reading.note})" if reading.note else ""
    reason = Doubt((f"{title} {name} is not evaluated{note}",))
    rules: dict[Side, tuple[TierRule, ...]] = {}
    for one in reading.concerns:
        rules[one.side] = (*rules.get(one.side, ()), *_rules(one, reason))
    return Policy(
        kind=title,
        namespace=row.namespace,
        name=row.name,
        subject=reading.subject,
        rules=rules,
        isolates=frozenset(),
        spec=row.spec,
    )


def _rules(one: Concern, reason: Doubt) -> Iterator[TierRule]:
    for action in one.actions:
        yield TierRule(
            number=None,
            action=action,
            peers=one.peers,
            ports=one.ports,
            doubt=None if one.certain else reason,
            own=one.own,
        )


# --- its pods


def selector_of(value: object) -> LabelSelector:
    """Everything where it is missing."""
    return EVERYTHING if value is None else selectors.compiled(value)


def pods_of(namespace: str, selector: object = None) -> PodsOfNamespace:
    return PodsOfNamespace(namespace, selector_of(selector))


@frozen
class AnySubject:
    """Several together."""

    subjects: tuple[PolicySubject, ...]

    def match(self, party: Party) -> Match:
        return any_of(one.match(party) for one in self.subjects)


# --- the other end


@frozen
class Outside:
    """What is not a pod, or of that what is in some blocks of addresses."""

    blocks: tuple[Block, ...] = ()
    nodes: bool = True
    relative: bool = False

    def match(self, party: Party, own: Party) -> Match:
        if party.selectable or (party.host and not self.nodes):
            return False
        found = any_of(one.match(party) for one in self.blocks) if self.blocks else True
        return doubt(party.unsure) if party.unsure and found is not False else found

    def miss(self, party: Party) -> str:
        return f"{party.name} is not of {self.text}"

    @property
    def text(self) -> str:
        return names_of(self.blocks) or "what is outside of the cluster"


@frozen
class OutOfBlocks:
    """Whatever is in none of some blocks of addresses."""

    blocks: tuple[Block, ...]
    relative: bool = False

    def match(self, party: Party, own: Party) -> Match:
        return negated(any_of(one.match(party) for one in self.blocks))

    def miss(self, party: Party) -> str:
        return f"{party.name} is of {self.text}"

    @property
    def text(self) -> str:
        return names_of(self.blocks)
