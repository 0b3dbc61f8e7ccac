"""What another package's rule declares and finds, held against what podwire can show: a wrong field
is a sentence, and text is made safe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import isfinite
from typing import Any, get_args

from collectors.findings import (
    Confidence,
    Evidence,
    Finding,
    FixKind,
    Severity,
    Stage,
    Subject,
    SubjectKind,
)
from collectors.sanitize import sanitize, visible_lines
from diagnosis.guarded import CallFailed
from diagnosis.rule import SYMPTOMS, Rule, Scope, Screen, Threshold

CHOICES: Mapping[str, tuple[str, ...]] = {
    "scope": get_args(Scope),
    "stage": get_args(Stage),
    "screen": get_args(Screen),
    "severity": get_args(Severity),
    "confidence": get_args(Confidence),
    "fix_kind": get_args(FixKind),
}
OF_RULE = ("title", "criterion", "disproof", "fix", "verify")  # texts
LISTS = ("inputs", "symptoms", "false_friends")
OF_FINDING = ("title", "threshold", "disproof", "fix", "verify")
MOST_EVIDENCE = 100
MOST_FIX = 8_000  # characters
SHOWN = 40


def declaration_problem(module: object, name: str) -> str:
    """Why a module cannot be a rule of that name, as a clause; '' where it can."""
    return next(_declaration_problems(module, name), "")


def _declaration_problems(module: object, name: str) -> Iterator[str]:
    rule: Any = getattr(module, "RULE", None)
    if not isinstance(rule, Rule):
        yield "it has no RULE = Rule(…)"
        return
    if not callable(getattr(module, "evaluate", None)):
        yield "it has no function evaluate(snapshot), which yields its findings"
    if rule.id != name:
        yield f"its id {sanitize(rule.id, SHOWN)!r} is not the name of its entry point"
    yield from _wrong_texts(rule, OF_RULE)
    for field in LISTS:
        if not _is_of(getattr(rule, field), str):
            yield f"its {field} are not a tuple of texts"
    if not _is_of(rule.thresholds, Threshold):
        yield "its thresholds are not a tuple of Threshold"
    yield from _wrong_choices(rule, CHOICES)
    for symptom in rule.symptoms:
        if symptom not in SYMPTOMS:
            yield f"{sanitize(symptom, SHOWN)!r} is not a symptom: there are {', '.join(SYMPTOMS)}"


def _is_of(value: object, kind: type) -> bool:
    return isinstance(value, tuple) and all(isinstance(one, kind) for one in value)


def _wrong_texts(value: object, names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        if not isinstance(getattr(value, name), str):
            yield f"its {name} is not text"
    if not getattr(value, "title", ""):
        yield "it has no title"


def _wrong_choices(value: object, choices: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    for name, known in choices.items():
        chosen = getattr(value, name)
        if chosen not in known:
            yield f"its {name} {sanitize(chosen, SHOWN)!r} is none of {', '.join(known)}"


def checked(rule: Rule, found: object) -> Finding:
    """A finding of that rule, safe to show. CallFailed says what is wrong with it."""
    if not isinstance(found, Finding):
        kind = sanitize(type(found).__name__, SHOWN)
        raise CallFailed(f"it yields {kind!r}, which is not a Finding")
    if found.rule != rule.id:
        raise CallFailed(f"it yields a finding of the rule {sanitize(found.rule, SHOWN)!r}")
    for problem in _finding_problems(found):
        raise CallFailed(f"of a finding {problem}")
    return replace(
        found,
        subject=_safe_subject(found.subject),
        evidence=tuple(map(_safe_evidence, found.evidence)),
        title=sanitize(found.title),
        threshold=sanitize(found.threshold, 2_000),
        disproof=sanitize(found.disproof, 2_000),
        fix=visible_lines(found.fix[:MOST_FIX]),
        verify=sanitize(found.verify, 2_000),
        consequences=(),
    )


def _finding_problems(found: Finding) -> Iterator[str]:
    choices = {name: known for name, known in CHOICES.items() if name != "scope"}
    yield from _wrong_choices(found, choices)
    yield from _wrong_texts(found, OF_FINDING)
    if not isinstance(found.subject, Subject) or found.subject.kind not in get_args(SubjectKind):
        yield "its subject is not a Subject"
    elif not _is_subject(found.subject):
        yield "its subject has a field of the wrong type"
    if not isinstance(found.evidence, tuple) or not all(map(_is_evidence, found.evidence)):
        yield "its evidence is not made of Evidence"
    elif not found.evidence:
        yield "its evidence is empty"
    elif len(found.evidence) > MOST_EVIDENCE:
        yield f"its evidence has more than {MOST_EVIDENCE} figures"


def _is_subject(subject: Subject) -> bool:
    texts = subject.namespace, subject.name, subject.detail
    return type(subject.port) is int and all(isinstance(text, str) for text in texts)


def _is_evidence(one: object) -> bool:
    if not isinstance(one, Evidence):
        return False
    texts = one.text, one.source, one.scope
    is_time = isinstance(one.at, int | float) and isfinite(one.at)
    return is_time and all(isinstance(text, str) for text in texts)


def _safe_subject(subject: Subject) -> Subject:
    return replace(
        subject,
        namespace=sanitize(subject.namespace),
        name=sanitize(subject.name),
        detail=sanitize(subject.detail),
    )


def _safe_evidence(one: Evidence) -> Evidence:
    return Evidence(sanitize(one.text), sanitize(one.source), one.at, sanitize(one.scope))
