"""Thresholds by the keys under which the user's configuration sets them: `conntrack_full.warning`
is `WARNING` of diagnosis/rules/conntrack_full.py; one that several rules share is under the module
that they share, `connections.least`. A finding says of each that was set who set it, and what it is
otherwise."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from math import isfinite
from types import ModuleType

from collectors.errors import ConfigError
from collectors.sanitize import sanitize
from diagnosis import rules
from diagnosis.edit_distance import near
from diagnosis.rule import Threshold

MOST = 1e12  # of a value
WHOLE = 100  # %
SHOWN = 60  # characters
SET = "set in"  # what the source of a threshold begins with that somebody has set
_SHARED = f"{rules.__name__}._"


def keys() -> dict[str, Threshold]:
    """Every threshold of a rule that has a name in a module; the fixed ones as well."""
    declared = {id(one) for row in rules.table() for one in row.rule.thresholds}
    found: dict[int, str] = {}
    by_key: dict[str, Threshold] = {}
    for module in _modules():
        for name, value in vars(module).items():
            if id(value) in declared and id(value) not in found:
                found[id(value)] = key = f"{_short(module)}.{name.lower()}"
                by_key[key] = value
    return by_key


def _modules() -> Iterator[ModuleType]:
    """What rules share comes before the rules that use it, what other packages have last."""
    rows = [row.module for row in rules.table()]
    yield from (sys.modules[name] for name in sorted(sys.modules) if name.startswith(_SHARED))
    yield from sorted(filter(_is_own, rows), key=_short)
    yield from (module for module in rows if not _is_own(module))


def _is_own(module: ModuleType) -> bool:
    return module.__name__.startswith(f"{rules.__name__}.")


def _short(module: ModuleType) -> str:
    """As the rule is called, whatever the file of another package is."""
    rule = getattr(module, "RULE", None)
    return rule.id if rule is not None else module.__name__.rpartition(".")[2].lstrip("_")


def set_values(values: Mapping[str, float], origin: str) -> list[str]:
    """Set thresholds by their keys for as long as this process lasts; before anything is looked at.
    Sentences on those of rules that were left out.

    ConfigError where there is no such threshold, or it cannot be set so.
    """
    known, missing = keys(), rules.extensions().refused_ids
    lost = [key for key in values if key not in known and key.partition(".")[0] in missing]
    problems = (_problem(key, value, known) for key, value in values.items() if key not in lost)
    if said := " ".join(filter(None, problems)):
        raise ConfigError(f"{origin}: {said}")
    for key in values.keys() - lost:
        _set(known[key], values[key], origin)
    return [
        f"The threshold {sanitize(key, SHOWN)!r} is not used: its rule is left out." for key in lost
    ]


def _set(threshold: Threshold, value: float, origin: str) -> None:
    usual = f"{threshold.value:,g}, {threshold.source}"
    threshold.value, threshold.source = value, f"{SET} {origin}; by default {usual}"


def _problem(key: str, value: float, known: Mapping[str, Threshold]) -> str:
    shown = repr(sanitize(key, SHOWN))
    threshold = known.get(key)
    if threshold is None:
        return f"there is no threshold {shown}.{_meant(key, known)}"
    if threshold.fixed:
        return f"the threshold {shown} cannot be set: more than one part of the diagnosis uses it."
    if not (isfinite(value) and 0 < value < MOST):
        return f"the threshold {shown} must be more than 0, and less than {MOST:,.0f}."
    if _is_share(threshold) and value > WHOLE:
        return f"the threshold {shown} is a share: it must be at most {WHOLE} %."
    return ""


def _is_share(threshold: Threshold) -> bool:
    """Some compare two figures, of which one may be a multiple of the other."""
    return threshold.unit.startswith("%") and threshold.value <= WHOLE


def _meant(key: str, known: Iterable[str]) -> str:
    """Those of the same rule, else the nearest."""
    rule = key.partition(".")[0]
    of_rule = [one for one in known if one.startswith(f"{rule}.")]
    if of_rule:
        return f" There are {', '.join(of_rule)}."
    alike = near(key, known) or near(rule, {one.partition(".")[0] for one in known})
    return f" Is {alike!r} meant?" if alike else " docs/rules.md lists them."
