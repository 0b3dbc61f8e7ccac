"""Which policies of a tier are for an end, and which of their rules may be for a connection:
remembered, since of many endpoints most are alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from diagnosis.reachability.certainty import Match
from diagnosis.reachability.parties import Party
from diagnosis.reachability.policy_model import Ask, Policy, Tier, TierRule

Selected = list[tuple[Policy, Match]]  # of one group
Candidates = list[tuple[Policy, Match, list[TierRule]]]
NOTHING = (None, None, None)


def selected(tier: Tier, ask: Ask) -> list[Selected]:
    """Of each group the policies that are, or may be, for the end whose policies are asked."""
    key = _key(ask)
    if (known := tier.memory.selected.get(key)) is None:
        known = [one for group in tier.groups if (one := list(_selected(group, ask)))]
        if _certain(known):
            tier.memory.selected[key] = known
    found: list[Selected] = known
    return found


def candidates(tier: Tier, groups: Sequence[Selected], ask: Ask) -> list[Candidates]:
    """Of each group the policies with a rule whose peers the other end is, or may be. Kept until
    another end asks: many endpoints are asked about the same."""
    key = _key(ask)
    known, other, found = tier.memory.newest.get(ask.side, NOTHING)
    if other is not ask.other or known != key:
        found = [one for group in groups if (one := list(_candidates(group, ask)))]
        if _certain(groups):
            tier.memory.newest[ask.side] = key, ask.other, found
    every: list[Candidates] = found
    return every


def _key(ask: Ask) -> tuple[object, ...]:
    return ask.side, ask.own.alike


def _certain(groups: Sequence[Selected]) -> bool:
    """A doubt names the end that it is of: it is nobody else's."""
    return all(match is True for group in groups for _, match in group)


def _selected(group: Sequence[Policy], ask: Ask) -> Iterator[tuple[Policy, Match]]:
    for policy in group:
        if (match := policy.match(ask.own, ask.side)) is not False:
            yield policy, match


def _candidates(group: Selected, ask: Ask) -> Iterator[tuple[Policy, Match, list[TierRule]]]:
    for policy, match in group:
        rules = [rule for rule in policy.rules.get(ask.side, ()) if _may_match(rule, ask.other)]
        if rules:
            yield policy, match, rules


def _may_match(rule: TierRule, other: Party) -> bool:
    """As far as it does not depend on the end that the policy selects."""
    return rule.relative or rule.match_peers(other, other) is not False
