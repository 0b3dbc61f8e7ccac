"""The findings of all that was recorded, each once, under what explained it: one definition for
`check --from`, what an earlier session found, and the summary of a report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from collectors.findings import Finding, ordered, stronger
from diagnosis.report import Periods, Spans
from session.finding_history import FIGURE, FindingHistory, Key


def over_time(history: FindingHistory) -> tuple[list[Finding], Periods]:
    """Each finding once, as it was at its worst, and each time that it was seen. A
    symptom that a cause explained at any time is under that cause for all of it; of those that
    explained each other, at different times, the gravest is."""
    findings = _worst_states(history)
    consequences = _consequences(history)
    explained = _explained(consequences)
    causes = {key: set(_causes(finding, explained)) for key, finding in findings.items()}
    kept = {key for key in findings if not causes[key]}
    for finding in ordered(findings.values()):
        if not _leads_to(kept, finding.key, causes):
            kept.add(finding.key)
    found = [replace(findings[key], consequences=tuple(consequences[key].values())) for key in kept]
    return ordered(found), _periods(history)


def explained_by(
    kept: Sequence[Finding], history: FindingHistory, findings: Iterable[Finding]
) -> set[Key]:
    """Of `findings`, those that one of `kept` explains, by itself or by what it explained in turn
    at any time of the `history`."""
    explained = _explained(_consequences(history))
    explained += [(text, one.key) for one in kept for text in one.consequences]
    asked = list(findings)
    known = _worst_states(history) | {one.key: one for one in asked}
    causes = {key: set(_causes(one, explained)) for key, one in known.items()}
    said = {one.key for one in kept}
    return {one.key for one in asked if one.key not in said and _leads_to(said, one.key, causes)}


def _leads_to(kept: set[Key], key: Key, causes: dict[Key, set[Key]]) -> bool:
    """Whether a cause of a finding, or a cause of that, and so on, is said."""
    passed, left = set[Key](), [key]
    while left:
        one = left.pop()
        if one in kept:
            return True
        passed.add(one)
        left += causes[one] - passed
    return False


def _worst_states(history: FindingHistory) -> dict[Key, Finding]:
    """Of all spans of a finding, what it was at its worst."""
    found: dict[Key, Finding] = {}
    for span in history.spans:
        key, worst = span.finding.key, span.worst
        found[key] = stronger(found[key], worst) if key in found else worst
    return found


def _periods(history: FindingHistory) -> Periods:
    """Each time that a finding was seen."""
    periods: dict[Key, Spans] = {}
    for span in history.spans:
        key = span.finding.key
        periods[key] = (*periods.get(key, ()), (span.since, span.until))
    return periods


def _consequences(history: FindingHistory) -> dict[Key, dict[str, str]]:
    found: dict[Key, dict[str, str]] = {}
    for span in history.spans:
        found.setdefault(span.finding.key, {}).update(span.consequences)
    return found


def _explained(consequences: dict[Key, dict[str, str]]) -> list[tuple[str, Key]]:
    return [(text, key) for key, texts in consequences.items() for text in texts.values()]


def _causes(finding: Finding, explained: list[tuple[str, Key]]) -> Iterator[Key]:
    """The other findings that explained it at any time; of one subject only what is not a cause."""
    another = finding.stage != "cause"
    for text, key in explained:
        is_other = key != finding.key and (another or key[1] != finding.subject)
        if is_other and is_meant(text, finding):
            yield key


def is_meant(text: str, finding: Finding) -> bool:
    """Whether it is what a cause says of this finding. A symptom may have had another title at that
    time; advice that a cause explains is that very advice, whatever its figures were."""
    where, _, title = text.partition(": ")
    is_same = FIGURE.sub("", title) == FIGURE.sub("", finding.title)
    return where == finding.where and (is_same or finding.stage != "advice")
