"""Everyone against everyone: which pods may reach which on a port. Bits of integers stand for
pods, so that a thousand pods and two hundred policies last less than a person notices."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from diagnosis.reachability.certainty import Match, all_of
from diagnosis.reachability.parties import Party, family, no_common_family, over
from diagnosis.reachability.policy_model import Peer, Policy, Ports, Side, Stack, Tier, TierRule
from diagnosis.reachability.verdicts import Outcome

Bits = int
Pair = tuple[Bits, Bits]  # those that match for certain, and those that may


@dataclass(frozen=True)
class Matrix:
    """Whether one party may open a connection to another: as `verdicts.verdict` says, by their
    places."""

    allowed: list[Bits]
    denied: list[Bits]

    def outcome(self, source: int, destination: int) -> Outcome:
        if self.denied[source] >> destination & 1:
            return "denied"
        return "allowed" if self.allowed[source] >> destination & 1 else "unknown"


def reach(parties: Sequence[Party], number: int, protocol: str, stacks: Sequence[Stack]) -> Matrix:
    """Of every pair. Parties with two families are asked over the one that a pair uses."""
    table = _reach(parties, number, protocol, stacks)
    families = {":" in ip for party in parties for ip in party.ips}
    if len(families) < 2:
        return table
    of_family: dict[bool | None, Matrix] = {None: table}
    for six in (False, True):
        of_family[six] = _reach([over(p, six) for p in parties], number, protocol, stacks)
    return _by_family(parties, of_family)


def _by_family(parties: Sequence[Party], tables: dict[bool | None, Matrix]) -> Matrix:
    allowed, denied = [], []
    for a, source in enumerate(parties):
        good, bad = 0, 0
        for b, destination in enumerate(parties):
            outcome = tables[family(source, destination)].outcome(a, b)
            if a != b and no_common_family(source, destination):
                outcome = "denied"
            good |= (outcome == "allowed") << b
            bad |= (outcome == "denied") << b
        allowed.append(good)
        denied.append(bad)
    return Matrix(allowed, denied)


def _reach(parties: Sequence[Party], number: int, protocol: str, stacks: Sequence[Stack]) -> Matrix:
    everyone = (1 << len(parties)) - 1
    asked = _Asked(parties)
    sides: dict[Side, _Outcomes] = {}
    for side in ("egress", "ingress"):
        sides[side] = _Outcomes(*([0] * len(parties) for _ in range(3)))
        for stack in stacks:
            _SideOfStack(side, asked, number, protocol, sides[side]).run(stack)
    out, into = sides["egress"], sides["ingress"].transposed()
    own_node, perhaps_own_node = _own_nodes(parties)
    allowed, denied = [], []
    for place, party in enumerate(parties):
        own = 1 << place if party.selectable else 0
        into.allow[place] |= own_node[place]
        into.deny[place] &= ~own_node[place] | into.refused[place]
        out_denied = out.deny[place] & ~out.allow[place]
        in_allowed = into.allow[place] & ~into.deny[place]
        in_denied = into.deny[place] & ~into.allow[place]
        in_denied &= ~perhaps_own_node[place]
        allowed.append(out.allow[place] & ~out.deny[place] & in_allowed | own)
        denied.append((out_denied | in_denied) & everyone & ~own)
    return Matrix(allowed, denied)


def _own_nodes(parties: Sequence[Party]) -> tuple[list[Bits], list[Bits]]:
    """For each party that is a node: the pods that run on it, and those that may."""
    nodes: dict[str, Bits] = {}
    pods = 0
    for place, party in enumerate(parties):
        if party.selectable:
            nodes[party.node] = nodes.get(party.node, 0) | 1 << place
            pods |= 1 << place
    certain, perhaps = [], []
    for party in parties:
        known = party.host and bool(party.node)
        certain.append(nodes.get(party.node, 0) if known else 0)
        perhaps.append((nodes.get("", 0) if known else pods) if party.host else 0)
    return certain, perhaps


@dataclass
class _Outcomes:
    """For each party the others with which this side may come out as allowed, and as denied;
    `refused`: denied by a rule that the party's own node may have to heed."""

    allow: list[Bits]
    deny: list[Bits]
    refused: list[Bits]

    def transposed(self) -> _Outcomes:
        return _Outcomes(*(_transposed(rows) for rows in (self.allow, self.deny, self.refused)))


def _transposed(rows: list[Bits]) -> list[Bits]:
    """Bit b of row a becomes bit a of row b."""
    texts = [format(bits, f"0{len(rows)}b")[::-1] for bits in rows]
    return [int("".join(column)[::-1], 2) for column in zip(*texts, strict=True)]


class _Asked:
    """Which parties each policy selects: both sides ask for it."""

    def __init__(self, parties: Sequence[Party]) -> None:
        self.parties = parties
        self._selected: dict[int, list[tuple[int, bool]]] = {}

    def selected(self, policy: Policy) -> list[tuple[int, bool]]:
        """The places of the parties that it is, or may be, for, and whether that is certain."""
        if (known := self._selected.get(id(policy))) is None:
            known = self._selected[id(policy)] = list(self._matches(policy))
        return known

    def _matches(self, policy: Policy) -> Iterator[tuple[int, bool]]:
        matches = policy.subject.match
        for place, party in enumerate(self.parties):
            if (match := matches(party)) is not False:
                yield place, match is True


class _SideOfStack:
    """One side of all parties as it passes the tiers of a stack: `live` are the others that
    nothing has decided yet."""

    def __init__(
        self,
        side: Side,
        asked: _Asked,
        number: int,
        protocol: str,
        outcomes: _Outcomes,
    ) -> None:
        self.side = side
        self.asked = asked
        self.parties = parties = asked.parties
        self.number, self.protocol = number, protocol
        self.outcomes = outcomes
        self.everyone = (1 << len(parties)) - 1
        self.live = [self.everyone] * len(parties)
        self.passed = [0] * len(parties)
        self.heeded = False
        self._of_peer: dict[Peer, Pair] = {}
        self._of_ports: dict[tuple[Ports, ...], Pair] = {}

    def run(self, stack: Stack) -> None:
        self.heeded = stack.denies_own_node
        for tier in stack.tiers:
            self._tier(tier)
        for place, bits in enumerate(self.live):
            self.outcomes.allow[place] |= bits

    def _tier(self, tier: Tier) -> None:
        before = list(self.live)
        if not tier.additive:
            self._unread(tier)
        isolation = [0] * len(self.parties)  # 1: perhaps, 2: for certain
        for group in tier.groups:
            self._group(group, isolation)
        if tier.additive:
            self._unread(tier)
        self._end(tier, isolation)
        if tier.order_unknown:
            self.live = before

    def _end(self, tier: Tier, isolation: Sequence[int]) -> None:
        for place, isolated in enumerate(isolation):
            if isolated and tier.otherwise == "deny":
                self.outcomes.deny[place] |= self.live[place]
                certain = isolated > 1 and not tier.end_unknown
                self.live[place] = 0 if certain else self.live[place]
            self.live[place] |= self.passed[place]
            self.passed[place] = 0

    def _unread(self, tier: Tier) -> None:
        for one in tier.unread:
            for place, party in enumerate(self.parties):
                live = self.live[place] if one.covers(party) else 0
                self.outcomes.deny[place] |= live
                self.outcomes.allow[place] |= 0 if one.cuts_only else live

    def _group(self, group: Sequence[Policy], isolation: list[int]) -> None:
        """Of one rank any may be asked first: each begins with what was live before."""
        if len(group) == 1:
            self._policy(group[0], isolation)
            return
        before, after = list(self.live), list(self.live)
        for policy in group:
            self.live = list(before)
            self._policy(policy, isolation)
            after = [left & now for left, now in zip(after, self.live, strict=True)]
        self.live = after

    def _policy(self, policy: Policy, isolation: list[int]) -> None:
        if not policy.concerns(self.side):
            return
        selected = self.asked.selected(policy)
        if self.side in policy.isolates:
            for place, certain in selected:
                isolation[place] = max(isolation[place], 2 if certain else 1)
        for rule in policy.rules.get(self.side, ()):
            self._rule(rule, selected)

    def _rule(self, rule: TierRule, selected: list[tuple[int, bool]]) -> None:
        peers = None if rule.relative else self._peers(rule, None)
        ports = self._ports(rule)
        for place, certain in selected:
            own = self.parties[place]
            found = peers or self._peers(rule, own)
            narrowed = all_of((rule.match_own(own), rule.doubt or True))
            if narrowed is False:
                continue
            yes, maybe = self._with_ports(found, ports, place)
            certain = certain and narrowed is True
            self._decide(rule, place, yes if certain else 0, maybe)

    def _with_ports(self, peers: Pair, ports: Pair, place: int) -> Pair:
        if self.side == "egress":
            return peers[0] & ports[0], peers[1] & ports[1]
        yes, maybe = ports[0] >> place & 1, ports[1] >> place & 1
        return peers[0] if yes else 0, peers[1] if maybe else 0

    def _decide(self, rule: TierRule, place: int, yes: Bits, maybe: Bits) -> None:
        hit = self.live[place] & maybe
        if rule.action == "pass":
            self.passed[place] |= hit
        elif rule.action == "allow":
            self.outcomes.allow[place] |= hit
        else:
            self.outcomes.deny[place] |= hit
            heeded = self.heeded and rule.number is not None
            self.outcomes.refused[place] |= hit if heeded else 0
        self.live[place] &= ~yes

    def _peers(self, rule: TierRule, own: Party | None) -> Pair:
        """The parties that a rule's peers mean; of `own`'s view where it depends on that."""
        if rule.peers is None:
            return self.everyone, self.everyone
        yes = maybe = 0
        for peer in rule.peers:
            pair = self._peer(peer, own)
            yes, maybe = yes | pair[0], maybe | pair[1]
        return yes, maybe

    def _peer(self, peer: Peer, own: Party | None) -> Pair:
        if own is not None:
            return self._bits(lambda party: peer.match(party, own))
        if peer not in self._of_peer:
            self._of_peer[peer] = self._bits(lambda party: peer.match(party, party))
        return self._of_peer[peer]

    def _ports(self, rule: TierRule) -> Pair:
        """The destinations for which a rule's ports admit the port (a named one depends on the
        pod)."""
        if rule.ports is None:
            return self.everyone, self.everyone
        if rule.ports not in self._of_ports:
            self._of_ports[rule.ports] = self._ports_bits(rule)
        return self._of_ports[rule.ports]

    def _ports_bits(self, rule: TierRule) -> Pair:
        if rule.by_port_name:
            return self._bits(lambda party: rule.match_ports(self.number, self.protocol, party))
        match = rule.match_ports(self.number, self.protocol, self.parties[0])
        return self.everyone if match is True else 0, self.everyone if match is not False else 0

    def _bits(self, matches: Callable[[Party], Match]) -> Pair:
        yes = maybe = 0
        for place, party in enumerate(self.parties):
            match = matches(party)
            if match is not False:
                maybe |= 1 << place
                yes |= (match is True) << place
        return yes, maybe
