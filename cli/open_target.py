"""`podwire pod/web -n shop`: a target on the command line, where a command could stand."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from cli.common_options import options_with_values

OPEN = "open"


def with_open(arguments: Sequence[str]) -> list[str]:
    """The arguments, with the command `open` before a first word that names a target (KIND/NAME,
    NAMESPACE/NAME)."""
    place = _first_word(arguments, options_with_values())
    before, after = list(arguments[:place]), list(arguments[place:])
    return [*before, OPEN, *after] if after and "/" in after[0] else [*before, *after]


def _first_word(arguments: Sequence[str], valued: frozenset[str]) -> int:
    place = 0
    while place < len(arguments) and arguments[place].startswith("-"):
        place += 2 if arguments[place] in valued else 1
    return place


def prepare(options: argparse.Namespace) -> None:
    """A namespace is one to begin with, and no target to open. ConfigError for what names none."""
    from session.named_target import OF_NAMESPACE, named_target

    target = named_target(options.target, "")
    if target.kind == OF_NAMESPACE:
        options.namespace, options.target = target.name, ""
