"""What single rules find, and what is wrong with how a rule is declared."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from inspect import signature
from pathlib import Path
from string import Formatter

from collectors.findings import Finding
from collectors.kernel.counters import COUNTERS
from diagnosis import rules
from diagnosis.edit_distance import near
from diagnosis.foreign_findings import CHOICES as CHOICES, LISTS
from diagnosis.rule import CONVENTION, INPUTS, SYMPTOMS, Rule, Threshold
from diagnosis.rules.__main__ import no_symptoms
from diagnosis.snapshot import Snapshot
from tests.support.rule_sources import is_found

ALIKE = "pytest.mark.alike"
PARAMETERS = set(signature(Rule.finding).parameters)


def finder(*ids: str) -> Callable[[Snapshot], list[Finding]]:
    """What these rules find, one after another."""

    def found(snapshot: Snapshot) -> list[Finding]:
        evaluated = {row.rule.id: row.evaluate for row in rules.table()}
        return [finding for one in ids for finding in evaluated[one](snapshot)]

    return found


def unknown_ids(named: Iterable[str], where: str) -> list[str]:
    """A sentence for each name that is not a rule's id."""
    known = rules.ids()
    return [
        f"{where} names the rule {name!r}: there is none.{_meant(name, known)}"
        for name in sorted(set(named) - known)
    ]


def problems(rule: Rule, module: str) -> list[str]:
    """A sentence for each thing that is wrong with how the rule of a file is declared."""
    return of_file(module, unlisted(rule)) or of_file(module, _problems(rule, module))


def unlisted(rule: Rule) -> Iterator[str]:
    """A sentence for each field that is not a tuple of what belongs in it."""
    kinds = {**dict.fromkeys(LISTS, str), "thresholds": Threshold}
    for field, kind in kinds.items():
        value = getattr(rule, field)
        if not isinstance(value, tuple) or not all(isinstance(one, kind) for one in value):
            what = "texts" if kind is str else "Thresholds"
            yield f"its {field} are {value!r} and not a tuple of {what}: (ONE,) where there is one."
        elif len(set(value)) < len(value):
            twice = next(one for one in value if value.count(one) > 1)
            yield f"its {field} have {getattr(twice, 'text', twice)!r} twice."


def of_file(module: str, sentences: Iterable[str]) -> list[str]:
    return [f"diagnosis/rules/{module}.py: {text}" for text in sentences]


def untested(module: str, tests: Path) -> Iterator[str]:
    """A sentence where the folder of tests has none of that rule."""
    name = f"test_{module}.py"
    if not (tests / name).exists():
        yield f"it has no test: tests/diagnosis/rules/{name}."
        return
    own = list(filter(_is_test, ast.parse((tests / name).read_text()).body))
    if not own:
        yield f"tests/diagnosis/rules/{name} has no test in it."
    elif not any(map(_is_alike, own)):
        yield (
            f"tests/diagnosis/rules/{name} has no test with the marker `alike`: what looks most "
            "like it, and is healthy?"
        )


def _is_test(node: ast.stmt) -> bool:
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    return node.name.startswith("test_")


def _is_alike(node: ast.stmt) -> bool:
    marks = node.decorator_list if isinstance(node, ast.FunctionDef) else []
    return ALIKE in map(ast.unparse, marks)


def _problems(rule: Rule, module: str) -> Iterator[str]:
    if rule.id != module:
        yield f"the id {rule.id!r} is not the name of the file."
    if not rule.title or rule.title.endswith("."):
        yield "the title is a sentence without its full stop."
    if not rule.criterion and not rule.thresholds:
        yield "it has neither a criterion nor a threshold."
    yield from _unfounded(rule.thresholds)
    yield from _repeated(rule)
    yield from no_symptoms(rule)
    if not rule.symptoms and rule.stage != "advice" and rule.scope != "policy":
        yield f"it has no symptoms: name those that the guide evaluates it for: {', '.join(SYMPTOMS)}."
    for name, known in CHOICES.items():
        if getattr(rule, name) not in known:
            yield f"the {name} {getattr(rule, name)!r} is none of {', '.join(known)}."
    if not rule.false_friends:
        yield "it has no false friends: name what looks the same and is harmless, or something else."
    if not rule.inputs:
        yield "it has no inputs."
    for name in rule.inputs:
        if name not in INPUTS and name not in COUNTERS:
            yield f"{name!r} is no input and no counter.{_meant(name, {*INPUTS, *COUNTERS})}"


def _repeated(rule: Rule) -> Iterator[str]:
    """Of figures that a user may set, those that a text has as they are unset."""
    for threshold in rule.thresholds:
        figure = f"{threshold.value} {threshold.unit.partition(' ')[0]}"
        for name in ("verify", "fix", "disproof"):
            if figure.endswith((" %", " ms", " s")) and figure in getattr(rule, name):
                yield f"its {name} has the threshold {figure!r}, which users may set: say it without."


def _unfounded(thresholds: Iterable[Threshold]) -> Iterator[str]:
    for threshold in thresholds:
        if type(threshold.value) not in (int, float):
            yield f"the threshold {threshold.name!r} is {threshold.value!r}, which is no number."
            continue
        named = f"the threshold {threshold.text!r}"
        if not threshold.source.strip():
            yield f"{named} has no source: name it, or CONVENTION."
        elif threshold.source != CONVENTION and not is_found(threshold.source):
            yield (
                f"{named} has the source {threshold.source!r}, which cannot be looked up: "
                "name a document, a file or a project, or CONVENTION."
            )
        if not threshold.unit.strip():
            yield f"{named} has no unit: of what is it {threshold.value:g}?"
        if threshold.value < 0:
            yield f"{named} is below 0."
        elif not threshold.value > 0:
            yield f"{named} is always met: name the lowest value that matters."


def miscalled(rule: Rule, source: str) -> Iterator[str]:
    """A sentence for each finding of a rule's source that lacks a fix or its proof, or whose values
    are not those of the placeholders in what the rule declares."""
    for given in _arguments_of_findings(source):
        declared = {"disproof": rule.disproof_text, "fix": rule.fix, "verify": rule.verify}
        used = [text for name, text in declared.items() if name not in given]
        wanted = {name for text in used for name in _placeholders(text)}
        if not rule.fix.strip() and _is_empty(given.get("fix")):
            yield "a finding without a fix."
        if not rule.verify.strip() and _is_empty(given.get("verify")):
            yield "a finding without verify: what shows that the fix has helped?"
        if isinstance(found := given.get("evidence"), ast.Tuple) and not found.elts:
            yield "a finding without evidence: what was seen, and where?"
        for name in sorted(wanted ^ (set(given) - PARAMETERS)):
            yield f"{name!r} is a placeholder or a value, not both."
        yield from _no_choices(given)


def _is_empty(text: ast.expr | None) -> bool:
    """Whether it is not given, or as an empty string."""
    return text is None or (isinstance(text, ast.Constant) and not str(text.value).strip())


def _no_choices(given: dict[str, ast.expr]) -> Iterator[str]:
    for name, known in CHOICES.items():
        value = given.get(name)
        if isinstance(value, ast.Constant) and value.value not in known:
            yield f"a finding has the {name} {value.value!r}: there are {', '.join(known)}."


def _arguments_of_findings(source: str) -> Iterator[dict[str, ast.expr]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "RULE.finding":
            yield {keyword.arg or "": keyword.value for keyword in node.keywords}


def _placeholders(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name}


def _meant(name: str, known: Iterable[str]) -> str:
    alike = near(name, set(known))
    return f" Is {alike!r} meant?" if alike else ""
