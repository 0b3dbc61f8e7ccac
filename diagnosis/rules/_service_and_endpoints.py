"""Findings of one rule at the address of a Service and at its endpoints: which explains which."""

from __future__ import annotations

from collections.abc import Callable, Collection

from collectors.findings import Subject
from diagnosis.path_groups import translated
from diagnosis.paths import End
from diagnosis.rules._connections import servers_behind
from diagnosis.snapshot import Snapshot

Named = Callable[[str, int], Subject]


def is_explained(
    snapshot: Snapshot, ends: Collection[End], named: Named, pair: tuple[Subject, Subject]
) -> bool:
    """Whether the finding of the second subject of `pair` follows from that of the first. `ends`
    are all addresses at which the rule has findings. If one endpoint alone has the finding, it
    explains that of the Service's address; if several have it, the address explains theirs."""
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
    """Those of `ends` that are endpoints of an address, according to its Service or a capture."""
    addresses = set(servers_behind(snapshot, asked[0])) - {asked[0]}
    own = {end for end in ends if end[0] in addresses}
    return own | (translated(snapshot, asked) & set(ends))
