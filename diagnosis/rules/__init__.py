"""Every rule is a module here: `RULE`, what it declares, and `evaluate(snapshot)`, pure; a cause
may have `explains(snapshot, finding, conversation)`, which conversations fail because of it, and
`explains_finding(snapshot, finding, other)`, which findings follow from it; what fails at some
addresses only may have `failing_ends(snapshot, finding)`. They are found by themselves; a module
whose name begins with an underscore is shared by several rules."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from collectors.findings import STAGES, Finding
from collectors.frozen import frozen
from diagnosis.paths import End
from diagnosis.reachability.blind_spots import CUTTING, FOREIGN, POLICIES, BlindSpots, sentences
from diagnosis.rule import Rule, SymptomName
from diagnosis.snapshot import Snapshot

if TYPE_CHECKING:  # a screen that imports one rule waits for none of what joins them all
    from diagnosis.consequences import Explains, ExplainsFinding
    from diagnosis.extensions import Extensions

FailingEnds = Callable[[Snapshot, Finding], Iterable[End]]


@frozen
class TableRow:
    """`module` has the rule's thresholds by name."""

    rule: Rule
    evaluate: Callable[[Snapshot], Iterator[Finding]]
    module: ModuleType
    explains: Explains | None = None
    explains_finding: ExplainsFinding | None = None
    failing_ends: FailingEnds | None = None


KINDS_OF = {  # inputs of rules: the lists that they are from
    "NetworkPolicies": (POLICIES, FOREIGN, CUTTING),
    "Services": ("services", "endpointslices"),
    "pods": ("pods",),
    "nodes": ("nodes",),
    "namespaces": ("namespaces",),
}


@cache
def table() -> tuple[TableRow, ...]:
    """All rules, causes before symptoms. The first call imports them: some 100 ms."""
    foreign = (TableRow(one.rule, one.evaluate, one.module) for one in extensions().rules)
    return tuple(sorted((*built_in(), *foreign), key=_order))


def built_in() -> tuple[TableRow, ...]:
    """Podwire's own, in the same order."""
    from pkgutil import iter_modules  # not needed by screens that import one rule

    names = (found.name for found in iter_modules(__path__) if not found.name.startswith("_"))
    rows = map(_row, (import_module(f"{__name__}.{name}") for name in names))
    return tuple(sorted(rows, key=_order))


def _row(module: ModuleType) -> TableRow:
    return TableRow(
        module.RULE,
        module.evaluate,
        module,
        explains=getattr(module, "explains", None),
        explains_finding=getattr(module, "explains_finding", None),
        failing_ends=getattr(module, "failing_ends", None),
    )


@cache
def extensions() -> Extensions:
    """The rules of other packages, and what is wrong with them by now. The first call imports
    them."""
    from diagnosis.extensions import installed

    return installed(frozenset(row.rule.id for row in built_in()))


def _order(row: TableRow) -> tuple[int, str]:
    """A stage that there is not is said by the tests of the table."""
    known = row.rule.stage in STAGES
    return STAGES.index(row.rule.stage) if known else len(STAGES), row.rule.id


def ids() -> frozenset[str]:
    return frozenset(row.rule.id for row in table())


def of_symptom(symptom: SymptomName) -> tuple[str, ...]:
    """The rules that may explain it."""
    return tuple(row.rule.id for row in table() if symptom in row.rule.symptoms)


def unseen(names: Collection[str], blind: BlindSpots) -> list[str]:
    """Sentences on the objects that some rules look at and that were not, or not all, listed."""
    inputs = {one for row in table() if row.rule.id in names for one in row.rule.inputs}
    kinds = {kind for one in inputs for kind in KINDS_OF.get(one, ())}
    return sentences([spot for spot in blind.spots if spot.kind in kinds])


def findings(snapshot: Snapshot, earlier: Sequence[Finding] = ()) -> list[Finding]:
    """What is wrong, the worst first; symptoms under the causes that explain them, many alike as
    one; without those that follow from what was found `earlier`."""
    from diagnosis.joined_findings import joined_findings

    return joined_findings(snapshot, table(), earlier)


def follows(snapshot: Snapshot, cause: Finding, finding: Finding) -> bool:
    """Whether a finding is what a cause, which may be over, does by the rule of that cause."""
    asked = (row.explains_finding for row in table() if row.rule.id == cause.rule)
    return any(explains(snapshot, cause, finding) for explains in asked if explains is not None)
