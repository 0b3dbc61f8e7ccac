"""Names that a key steps through, again and again."""

from __future__ import annotations

from collections.abc import Sequence


def following(names: Sequence[str], current: str) -> str:
    """The one after `current`; after the last, or after one that is not there, the first."""
    place = names.index(current) if current in names else -1
    return names[(place + 1) % len(names)]
