"""What single rules find, and what is wrong with how a rule is declared."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from inspect import signature
from pathlib import Path
from string import Formatter

from collectors.findings import Finding
from collectors.kernel.counters import COUNTERS
from diagnosis import rules
from diagnosis.edit_distance import near
from diagnosis.rule import INPUTS, SYMPTOMS, Rule
from diagnosis.snapshot import Snapshot

ROOT = Path(__file__).parent.parent.parent
PARAMETERS = set(signature(Rule.finding).parameters)


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


def miscalled(module: str) -> Iterator[str]:
    """A sentence for each finding of a rule's file that lacks a fix, or whose values are not those
    of the placeholders in what the rule declares."""
    rule: Rule = import_module(f"diagnosis.rules.{module}").RULE
    source = (ROOT / "diagnosis" / "rules" / f"{module}.py").read_text()
    for given in _keywords_of_findings(source):
        declared = {"disproof": rule.disproof_text, "fix": rule.fix, "verify": rule.verify}
        used = [text for name, text in declared.items() if name not in given]
        wanted = {name for text in used for name in _placeholders(text)}
        values = given - PARAMETERS
        if not rule.fix and "fix" not in given:
            yield f"diagnosis/rules/{module}.py: a finding without a fix."
        for name in sorted(wanted ^ values):
            yield f"diagnosis/rules/{module}.py: {name!r} is a placeholder or a value, not both."


def _keywords_of_findings(source: str) -> Iterator[set[str]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "RULE.finding":
            yield {keyword.arg or "" for keyword in node.keywords}


def _placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name}


def _meant(name: str, known: Iterable[str]) -> str:
    alike = near(name, set(known))
    return f" Is {alike!r} meant?" if alike else ""
