"""Findings of one rule at addresses that belong together: a Service's and its endpoints'."""

from __future__ import annotations

from collections.abc import Callable, Collection

from collectors.findings import Subject
from diagnosis.path_groups import translated
from diagnosis.paths import End
from diagnosis.rules._connections import servers_behind
from diagnosis.snapshot import Snapshot

Named = Callable[[str, int], Subject]


def is_said_first(
    snapshot: Snapshot, ends: Collection[End], named: Named, pair: tuple[Subject, Subject]
) -> bool:
    """Of the two subjects, which a rule has findings of at `ends`: whether the second follows from
    the first. That is the only endpoint that has it of an address that is asked, or the address
    where several have it."""
    first, other = pair
    for end in ends:
        behind = {named(*one) for one in endpoints_of(snapshot, end, ends)} - {named(*end)}
        asked = named(*end)
        if first == asked and other in behind:
            return len(behind) > 1
        if other == asked and first in behind:
            return len(behind) == 1
    return False


def endpoints_of(snapshot: Snapshot, asked: End, ends: Collection[End]) -> set[End]:
    """Those of `ends` that are endpoints of an address by its Service, or by what a capture saw."""
    addresses = set(servers_behind(snapshot, asked[0])) - {asked[0]}
    own = {end for end in ends if end[0] in addresses}
    return own | (translated(snapshot, asked) & set(ends))
