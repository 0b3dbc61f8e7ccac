"""Objects that may cut or permit connections and that are not evaluated, as tiers beside those of
the policies that are: what they concern is not known, what they do not concern keeps its verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from collectors.events import ForeignPolicyRow
from collectors.frozen import frozen
from diagnosis.reachability import mesh_policies, plugin_policies
from diagnosis.reachability.may_decide import Known, Reader, policy_of
from diagnosis.reachability.policy_model import Policy, Tier, Unread, one_each

READERS: dict[tuple[str, str], tuple[str, Reader]] = {
    **mesh_policies.READERS,
    **plugin_policies.READERS,
}


def is_unevaluated(row: ForeignPolicyRow) -> bool:
    return (row.group, row.object_kind) in READERS


def title_of(row: ForeignPolicyRow) -> str:
    """What its kind is called: whose it is, where the kind does not begin with that."""
    owner = READERS[row.group, row.object_kind][0]
    return row.object_kind if row.object_kind.startswith(owner) else f"{owner} {row.object_kind}"


@frozen
class UnevaluatedTiers:
    """Before the policies that are evaluated, and after them."""

    before: tuple[Tier, ...] = ()
    after: tuple[Tier, ...] = ()

    def around(self, tiers: Sequence[Tier]) -> tuple[Tier, ...]:
        return (*self.before, *tiers, *self.after)


def tiers(
    rows: Iterable[ForeignPolicyRow], known: Known, unread: tuple[Unread, ...] = ()
) -> UnevaluatedTiers:
    """Raises what an object of another shape than its API's leads to."""
    ordered = sorted(filter(is_unevaluated, rows), key=_order)
    found = [one for row in ordered for one in _policies(row, known)]
    early = [policy for policy, is_late in found if not is_late]
    late = [policy for policy, is_late in found if is_late]
    unseen = (Tier("not read", (), unread=unread),) if unread else ()
    return UnevaluatedTiers((*unseen, *_tiers(early)), tuple(_tiers(late)))


def _order(row: ForeignPolicyRow) -> tuple[str, str, str]:
    return row.object_kind, row.namespace, row.name


def _policies(row: ForeignPolicyRow, known: Known) -> Iterator[tuple[Policy, bool]]:
    read = READERS[row.group, row.object_kind][1]
    for reading in read(row, known):
        yield policy_of(row, title_of(row), reading), reading.late


def _tiers(policies: Sequence[Policy]) -> Iterator[Tier]:
    """What passes leads out of a tier: such policies have one of their own."""
    passing = [one for one in policies if _passes(one)]
    others = [one for one in policies if not _passes(one)]
    for group in ([others] if others else []) + [[one] for one in passing]:
        yield Tier("not evaluated", one_each(group), otherwise="pass")


def _passes(policy: Policy) -> bool:
    return any(rule.action == "pass" for rules in policy.rules.values() for rule in rules)
