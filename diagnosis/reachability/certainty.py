"""Logic with three answers: what matches, what does not, and what cannot be known, with the
reasons why not."""

from __future__ import annotations

from collections.abc import Iterable

from collectors.frozen import frozen


@frozen
class Doubt:
    """It may match or not. `because` names what would have to be known."""

    because: tuple[str, ...]


Match = bool | Doubt


def doubt(*because: str) -> Doubt:
    return Doubt(because)


def all_of(matches: Iterable[Match]) -> Match:
    """True where each is, False where one is not, else what is not known of them."""
    reasons: dict[str, None] = {}
    for match in matches:
        if match is False:
            return False
        if isinstance(match, Doubt):
            reasons |= dict.fromkeys(match.because)
    return Doubt(tuple(reasons)) if reasons else True


def any_of(matches: Iterable[Match]) -> Match:
    """True where one is, False where none is, else what is not known of them."""
    reasons: dict[str, None] = {}
    for match in matches:
        if match is True:
            return True
        if isinstance(match, Doubt):
            reasons |= dict.fromkeys(match.because)
    return Doubt(tuple(reasons)) if reasons else False


def negated(match: Match) -> Match:
    return match if isinstance(match, Doubt) else not match
