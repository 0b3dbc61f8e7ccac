"""Every rule is a module here: `RULE`, what it declares, and `evaluate(snapshot)`, pure. They are
found by themselves; a module whose name begins with an underscore is shared by several rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module

from collectors.findings import STAGES, Finding, ordered
from collectors.frozen import frozen
from diagnosis.rule import Rule, SymptomName
from diagnosis.snapshot import Snapshot


@frozen
class TableRow:
    rule: Rule
    evaluate: Callable[[Snapshot], Iterator[Finding]]


@cache
def table() -> tuple[TableRow, ...]:
    """All rules, causes before symptoms. The first call imports them: some 100 ms."""
    from pkgutil import iter_modules  # not needed by screens that import one rule

    names = (found.name for found in iter_modules(__path__) if not found.name.startswith("_"))
    modules = (import_module(f"{__name__}.{name}") for name in names)
    rows = [TableRow(module.RULE, module.evaluate) for module in modules]
    return tuple(sorted(rows, key=lambda row: (STAGES.index(row.rule.stage), row.rule.id)))


def ids() -> frozenset[str]:
    return frozenset(row.rule.id for row in table())


def of_symptom(symptom: SymptomName) -> tuple[str, ...]:
    """The rules that may explain it."""
    return tuple(row.rule.id for row in table() if symptom in row.rule.symptoms)


def findings(snapshot: Snapshot) -> list[Finding]:
    """What is wrong, the worst first."""
    return ordered(finding for row in table() for finding in row.evaluate(snapshot))
