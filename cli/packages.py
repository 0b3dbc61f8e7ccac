"""Rules of other packages, as commands say which there are, and what is wrong with them."""

from __future__ import annotations

from importlib.metadata import entry_points

from diagnosis import RULES_GROUP


def package_notes() -> list[str]:
    """None where no package has any, and nothing is imported."""
    if not entry_points(group=RULES_GROUP):
        return []
    from diagnosis.rules import extensions

    known = extensions()
    named = [f"rules of packages: {known.packages}"] if known.packages else []
    return [*named, *known.problems]
