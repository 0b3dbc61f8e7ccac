"""What single rules find, and what is wrong with how a rule is declared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from collectors.findings import Finding
from collectors.kernel.counters import COUNTERS
from diagnosis import rules
from diagnosis.edit_distance import near
from diagnosis.rule import INPUTS, SYMPTOMS, Rule
from diagnosis.snapshot import Snapshot


def finder(*ids: str) -> Callable[[Snapshot], list[Finding]]:
    """What these rules find, one after another."""
    evaluated = {row.rule.id: row.evaluate for row in rules.table()}

    def found(snapshot: Snapshot) -> list[Finding]:
        return [finding for one in ids for finding in evaluated[one](snapshot)]

    return found


def unknown_ids(named: Iterable[str], where: str) -> list[str]:
    """A sentence for each name that is no rule's id."""
    known = rules.ids()
    return [
        f"{where} names the rule {name!r}: there is none.{_meant(name, known)}"
        for name in sorted(set(named) - known)
    ]


def problems(rule: Rule, module: str) -> list[str]:
    """A sentence for each thing that is wrong with how the rule of a file is declared."""
    return [f"diagnosis/rules/{module}.py: {text}" for text in _problems(rule, module)]


def _problems(rule: Rule, module: str) -> Iterator[str]:
    if rule.id != module:
        yield f"the id {rule.id!r} is not the name of the file."
    if not rule.title or rule.title.endswith("."):
        yield "the title is a sentence without its full stop."
    if not rule.criterion and not rule.thresholds:
        yield "it has neither a criterion nor a threshold."
    for threshold in rule.thresholds:
        if not threshold.source.strip():
            yield f"the threshold {threshold.text!r} has no source: name it, or CONVENTION."
    for symptom in rule.symptoms:
        if symptom not in SYMPTOMS:
            yield f"{symptom!r} is no symptom: there are {', '.join(SYMPTOMS)}."
    if not rule.false_friends:
        yield "it has no false friends: what looks the same and is something else?"
    if not rule.inputs:
        yield "it has no inputs."
    for name in rule.inputs:
        if name not in INPUTS and name not in COUNTERS:
            yield f"{name!r} is no input and no counter.{_meant(name, {*INPUTS, *COUNTERS})}"


def _meant(name: str, known: Iterable[str]) -> str:
    alike = near(name, set(known))
    return f" Is {alike!r} meant?" if alike else ""
