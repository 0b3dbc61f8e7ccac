"""May one end open a connection to another, by the policies of each side: allowed, denied, or not
known and why.

Every outcome that is possible is followed: a rule of which it is not known whether it matches
counts both as a match and as none. Where all outcomes agree that is the verdict, so that what is
not known is named only where it could decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Literal

from collectors.frozen import frozen
from diagnosis.reachability.certainty import Doubt, Match
from diagnosis.reachability.parties import Party, family, no_common_family, over
from diagnosis.reachability.policy_model import (
    Action,
    Ask,
    Policy,
    Side,
    Stack,
    Tier,
    TierRule,
    Unread,
)
from diagnosis.reachability.selected_policies import Candidates, candidates, selected
from diagnosis.reachability.why_not import admitted_by

Outcome = Literal["allowed", "denied", "unknown"]


NAMED = 4  # policies that isolate, of many


@frozen
class Decision:
    """What decides a side: the policy and the rule's number (from 0) that allows or denies;
    without a rule, the policy that isolates and lets nothing through; without a policy, that
    none selects the pod."""

    side: Side
    verdict: Outcome
    policy: str = ""  # NAMESPACE/NAME
    rule: int | None = None
    reason: str = ""
    unknown_because: tuple[str, ...] = ()
    kind: str = ""  # of the policy

    @property
    def allowed(self) -> bool:
        return self.verdict == "allowed"

    @property
    def denied(self) -> bool:
        return self.verdict == "denied"


@frozen
class Verdict:
    egress: Decision
    ingress: Decision

    @property
    def verdict(self) -> Outcome:
        return combined(self.egress.verdict, self.ingress.verdict)

    @property
    def allowed(self) -> bool:
        return self.verdict == "allowed"

    @property
    def denied(self) -> bool:
        return self.verdict == "denied"

    @property
    def unknown_because(self) -> tuple[str, ...]:
        if self.verdict != "unknown":
            return ()
        both = (*self.egress.unknown_because, *self.ingress.unknown_because)
        return tuple(dict.fromkeys(both))

    @property
    def decided_by(self) -> Decision:
        """The side that denies, or is not known; else the one in which a policy allows."""
        for verdict in ("denied", "unknown"):
            for one in (self.egress, self.ingress):
                if one.verdict == verdict:
                    return one
        return self.ingress if self.ingress.policy else self.egress


def combined(*verdicts: Outcome) -> Outcome:
    """Of things that must all be allowed."""
    if "denied" in verdicts:
        return "denied"
    return "unknown" if "unknown" in verdicts else "allowed"


def either(one: Decision, other: Decision, why: str) -> Decision:
    """A decision of which it is not known which one it is."""
    if one.verdict == other.verdict:
        return one
    denying = one if one.denied else other
    reasons = (why, *one.unknown_because, *other.unknown_because)
    return replace(
        denying,
        verdict="unknown",
        reason=f"it may be that {denying.reason}",
        unknown_because=tuple(dict.fromkeys(reasons)),
    )


@frozen
class Branch:
    """One possible outcome of a side, and what would have to be known for it to be certain."""

    allow: bool
    reason: str
    policy: Policy | None = None
    rule: TierRule | None = None
    because: tuple[str, ...] = ()


def verdict(
    source: Party,
    destination: Party,
    number: int,
    protocol: str,
    stacks: Sequence[Stack],
) -> Verdict:
    """May `source` open a connection to this port? Answers may always come back; a pod may always
    reach itself, and a node its own pods. Ends with two families speak the first that both have.

    `stacks` are the chains of tiers that may be in force: where they disagree the verdict is not
    known.
    """
    if source.selectable and source.name == destination.name:
        return _free("a pod may always reach itself")
    if no := no_common_family(source, destination):
        return Verdict(Decision("egress", "denied", reason=no), Decision("ingress", "allowed"))
    if (six := family(source, destination)) is not None:
        source, destination = over(source, six), over(destination, six)
    egress = decide(stacks, Ask("egress", source, destination, number, protocol))
    return Verdict(egress, ingress(stacks, Ask("ingress", source, destination, number, protocol)))


def _free(reason: str) -> Verdict:
    return Verdict(
        Decision("egress", "allowed", reason=reason), Decision("ingress", "allowed", reason=reason)
    )


def ingress(stacks: Sequence[Stack], ask: Ask) -> Decision:
    """The side of the destination, whose own node is always let in."""
    own_node = _from_own_node(ask.source, ask.destination)
    if own_node is True:
        always = Decision("ingress", "allowed", reason="a node may always reach its own pods")
        return _own_node_denied(stacks, ask) or always
    found = decide(stacks, ask)
    if not isinstance(own_node, Doubt) or found.verdict != "denied":
        return found
    return Decision(
        side="ingress",
        verdict="unknown",
        policy=found.policy,
        reason=found.reason,
        unknown_because=own_node.because,
        kind=found.kind,
    )


def _own_node_denied(stacks: Sequence[Stack], ask: Ask) -> Decision | None:
    """Where Cilium has a rule that denies a pod's own node: releases differ in whether that or
    the node's permission (allow-localhost) prevails."""
    for stack in stacks:
        for branch in branches(stack.tiers, ask) if stack.denies_own_node else ():
            if not branch.allow and branch.rule and branch.rule.number is not None:
                found = _decision(ask, branch, "unknown", f"it may be that {branch.reason}")
                both = f"{branch.reason}, and allow-localhost lets a node reach its own pods"
                return replace(found, unknown_because=(f"{both}: which prevails is not known",))
    return None


def _from_own_node(source: Party, destination: Party) -> Match:
    if not destination.selectable:
        return False
    if source.host and source.node and destination.node:
        return source.node == destination.node
    if source.host:
        runs = f"whether {destination.name} runs on that node, which may always reach it"
        return Doubt((f"{runs}, is unknown",))
    reason = source.maybe_node or source.unsure
    return Doubt((reason,)) if reason else False


def decide(stacks: Sequence[Stack], ask: Ask) -> Decision:
    """What the policies of one side say."""
    found = [_of_branches(ask, list(branches(stack.tiers, ask))) for stack in stacks]
    if not found:
        return Decision(ask.side, "allowed", reason=_free_of_policies(ask))
    if len({one.verdict for one in found}) == 1:
        return found[0]
    names = " and ".join(stack.plugin for stack in stacks)
    return Decision(
        side=ask.side,
        verdict="unknown",
        reason="policies of several network plugins are here, and they come out differently",
        unknown_because=(f"which one of {names} enforces policies is not known",),
    )


def _of_branches(ask: Ask, found: Sequence[Branch]) -> Decision:
    last = found[-1]
    others = [branch for branch in found if branch.allow != last.allow]
    if not others:
        return _decision(ask, last, "allowed" if last.allow else "denied", last.reason)
    reasons = dict.fromkeys(reason for branch in (*others, last) for reason in branch.because)
    first = others[0]
    unknown = _decision(ask, first, "unknown", f"it may be that {first.reason}")
    return replace(unknown, unknown_because=tuple(reasons))


def _decision(ask: Ask, branch: Branch, verdict: Outcome, reason: str) -> Decision:
    policy, rule = branch.policy, branch.rule
    if policy is None:
        return Decision(ask.side, verdict, reason=reason)
    return Decision(
        side=ask.side,
        verdict=verdict,
        policy=policy.key,
        rule=rule.number if rule else None,
        reason=reason,
        kind=policy.kind,
    )


def branches(tiers: Sequence[Tier], ask: Ask) -> Iterator[Branch]:
    """Every possible outcome of the tiers; the last is what is so where no doubt holds."""
    walk = _TierWalk(ask)
    for tier in tiers:
        yield from walk.through(tier)
        if walk.ended:
            return
    yield Branch(allow=True, reason=_free_of_policies(ask), because=walk.because)


class _TierWalk:
    """One question as it passes the tiers. `because`: on what it depends that it came so far."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.ended = False
        self.because: tuple[str, ...] = ()

    def through(self, tier: Tier) -> Iterator[Branch]:
        self._tier, before = tier, self.because
        yield from self._through(tier)
        if tier.order_unknown:
            self.ended, self.because = False, before

    def _through(self, tier: Tier) -> Iterator[Branch]:
        self._live, self._passes = True, list[tuple[str, ...]]()
        unread = [one for one in tier.unread if one.covers(self.ask.own)]
        if not tier.additive:
            yield from self._unread(unread)
        groups = selected(tier, self.ask)
        for group in candidates(tier, groups, self.ask):
            yield from self._group(group)
            if not self._live:
                break
        if self._live and tier.additive:
            yield from self._unread(unread)
        if self._live:
            yield from self._isolation(tier, chain.from_iterable(groups))
        self._leave()

    def _leave(self) -> None:
        if self._live:
            return
        self.ended = not self._passes
        if self._passes and () not in self._passes:
            self.because = (*self.because, *self._passes[0])

    def _unread(self, unread: Sequence[Unread]) -> Iterator[Branch]:
        for one in unread:
            for action in one.actions:
                reason = f"a policy that was not read {_VERBS[action]} it"
                yield Branch(allow=action == "allow", reason=reason, because=(one.text,))

    def _group(self, group: Candidates) -> Iterator[Branch]:
        """Policies of one rank: any of those that match may be asked first."""
        found: list[tuple[Policy, TierRule, tuple[str, ...]]] = []
        certain = False
        for policy, own, rules in group:
            for rule in rules:
                match = rule.match(self.ask)
                if match is False:
                    continue
                found.append((policy, rule, (*_because(own), *_because(match))))
                if match is True:
                    certain = certain or own is True
                    break
        rank = _same_rank(found)
        for policy, rule, because in found:
            yield from self._rule(policy, rule, (*because, *rank))
        self._live = self._live and not certain

    def _rule(self, policy: Policy, rule: TierRule, because: tuple[str, ...]) -> Iterator[Branch]:
        if rule.action == "pass":
            self._passes.append(because)
            return
        yield Branch(
            allow=rule.action == "allow",
            reason=f"{policy.title_of(rule)} {_VERBS[rule.action]} it{admitted_by(rule, self.ask)}",
            policy=policy,
            rule=rule,
            because=(*self.because, *self._place_of(policy), *because),
        )

    def _place_of(self, policy: Policy) -> tuple[str, ...]:
        """What is not known of where its tier stands."""
        unknown = self._tier.order_unknown
        return (f"{policy.title} is in tier {self._tier.name}, {unknown}",) if unknown else ()

    def _end_of(self, policy: Policy) -> tuple[str, ...]:
        """What is not known of what its tier does at its end."""
        unknown = self._tier.end_unknown
        return (f"{policy.title} is in tier {self._tier.name}, {unknown}",) if unknown else ()

    def _isolation(self, tier: Tier, chosen: Iterable[tuple[Policy, Match]]) -> Iterator[Branch]:
        """What isolates the end denies what no rule of its tier is for."""
        certain: list[Policy] = []
        perhaps: list[tuple[Policy, Match]] = []
        for policy, match in chosen:
            if self.ask.side in policy.isolates:
                certain += [policy] if match is True else []
                perhaps += [] if match is True else [(policy, match)]
        if tier.otherwise != "deny":
            return
        if not certain:
            for policy, match in perhaps:
                yield self._isolated([policy], _because(match))
            return
        self._live = bool(tier.end_unknown)
        yield self._isolated(certain, self._end_of(certain[0]))

    def _isolated(self, policies: Sequence[Policy], because: tuple[str, ...]) -> Branch:
        names = ", ".join(policy.title for policy in policies[:NAMED])
        if len(policies) > NAMED:
            names += f" and {len(policies) - NAMED} more policies"
        verb = "isolates" if len(policies) == 1 else "isolate"
        return Branch(
            allow=False,
            reason=f"{names} {verb} {self.ask.own.name} for {self.ask.side} and no rule allows it",
            policy=policies[0],
            because=(*self.because, *self._place_of(policies[0]), *because),
        )


_VERBS: dict[Action, str] = {"allow": "allows", "deny": "denies", "pass": "passes"}


def _because(match: Match) -> tuple[str, ...]:
    return match.because if isinstance(match, Doubt) else ()


def _same_rank(found: Sequence[tuple[Policy, TierRule, tuple[str, ...]]]) -> tuple[str, ...]:
    """Why the order of policies that match is not known, where it decides."""
    policies = dict.fromkeys(policy.title for policy, _, _ in found)
    if len(policies) < 2 or len({rule.action for _, rule, _ in found}) < 2:
        return ()
    names = " and ".join(policies)
    return (f"{names} have the same priority: which of them is asked first is not defined",)


def _free_of_policies(ask: Ask) -> str:
    own = ask.own
    if own.host:
        return f"{own.name}: it is on the host's network, for {ask.side}"
    if own.selectable:
        return f"{own.name}: no policy selects it for {ask.side}"
    return f"{own.name}: it is not a pod, for {ask.side}"
