"""Findings as text, as JSON with a version, and as Markdown for a write-up, by one list of fields
that the screen reads as well. Pure."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from collectors.findings import Evidence, Finding, FixKind, Severity, Subject
from collectors.frozen import frozen

SCHEMA = 2  # of the JSON; fields are only ever added within a version
SEVERITY_WORDS: dict[Severity, str] = {
    "critical": "CRITICAL",
    "warning": "WARNING ",
    "info": "INFO    ",
}
LANGUAGES: dict[FixKind, str] = {"sysctl": "ini", "yaml": "yaml", "shell": "sh", "text": ""}
Period = tuple[float, float | None]  # from, to (None: it still held at the end)
Periods = Mapping[tuple[str, Subject], Period]  # by a finding's key; of what was recorded
LIVE: Periods = {}  # a finding of now has none


def _when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else ""


def origin(one: Evidence) -> str:
    """Where a figure was read, and whose it is."""
    return ", ".join(part for part in (one.source, one.scope) if part)


def _subject(finding: Finding) -> dict[str, Any]:
    subject = finding.subject
    return {
        "kind": subject.kind,
        "namespace": subject.namespace,
        "name": subject.name,
        "port": subject.port,
        "detail": subject.detail,
    }


def _evidence(finding: Finding) -> list[dict[str, str]]:
    return [
        {"text": one.text, "source": one.source, "scope": one.scope, "time": _when(one.at)}
        for one in finding.evidence
    ]


@frozen
class ReportField:
    """A field of a finding: its name in JSON, its value, and the label before it in text, Markdown
    and on the screen ('' where they have a place of its own for it)."""

    name: str
    value: Callable[[Finding], Any]
    label: str = ""


FIELDS = (
    ReportField("rule", lambda finding: finding.rule),
    ReportField("severity", lambda finding: finding.severity),
    ReportField("subject", _subject),
    ReportField("where", lambda finding: finding.where),
    ReportField("title", lambda finding: finding.title),
    ReportField("evidence", _evidence),
    ReportField("fix", lambda finding: finding.fix),
    ReportField("fix_kind", lambda finding: finding.fix_kind),
    ReportField("verify", lambda finding: finding.verify, "verify"),
    ReportField("threshold", lambda finding: finding.threshold, "threshold"),
    ReportField("confidence", lambda finding: finding.confidence, "confidence"),
    ReportField("disproved_if", lambda finding: finding.disproof, "wrong if"),
    ReportField("stage", lambda finding: finding.stage),
)


def labelled(finding: Finding) -> Iterator[tuple[str, str]]:
    """(label, value) of what is known."""
    for field in FIELDS:
        if field.label and (value := field.value(finding)):
            yield field.label, value


def summary(findings: Sequence[Finding], unseen: Sequence[str] = ()) -> str:
    """`2 critical, 1 warning`, or that nothing was found; and of which kinds of objects some or all
    could not be looked at (`unseen`)."""
    counts = {kind: sum(f.severity == kind for f in findings) for kind in SEVERITY_WORDS}
    found = ", ".join(f"{n} {kind}" for kind, n in counts.items() if n)
    if not unseen:
        return found or "nothing found"
    return f"{found or 'nothing found in what could be seen'}; not seen: {', '.join(unseen)}"


def _period(finding: Finding, periods: Periods) -> str:
    if (period := periods.get(finding.key)) is None:
        return ""
    since, until = period
    return f"{_when(since)} to {_when(until) if until is not None else 'the end'}"


def text(
    findings: Sequence[Finding],
    notes: Sequence[str] = (),
    periods: Periods = LIVE,
    *,
    unseen: Sequence[str] = (),
) -> str:
    lines = [summary(findings, unseen), *(f"note: {note}" for note in notes)]
    for finding in findings:
        lines += ["", *_text_lines(finding, _period(finding, periods))]
    return "\n".join(lines) + "\n"


def _text_lines(finding: Finding, period: str) -> Iterator[str]:
    yield f"{SEVERITY_WORDS[finding.severity]} {finding.where}: {finding.title}  ({finding.rule})"
    if period:
        yield f"    seen: {period}"
    for one in finding.evidence:
        yield f"    {_with_origin(one)}"
    for label, value in labelled(finding):
        yield f"    {label}: {value}"
    if finding.fix:
        yield "    fix:"
        yield textwrap.indent(finding.fix.rstrip(), "      ")


def _with_origin(one: Evidence) -> str:
    return f"{one.text} [{origin(one)}]" if origin(one) else one.text


def _json_finding(finding: Finding, periods: Periods) -> dict[str, Any]:
    body = {field.name: field.value(finding) for field in FIELDS}
    if (period := periods.get(finding.key)) is not None:
        since, until = period
        body |= {"from": _when(since), "to": _when(until) if until is not None else None}
    return body


def as_json(
    findings: Sequence[Finding],
    context: str,
    at: float,
    notes: Sequence[str] = (),
    periods: Periods = LIVE,
    *,
    unseen: Sequence[str] = (),
) -> str:
    """`from` and `to` are of what was recorded only; `to` is null where it held to the end."""
    body = {
        "schema": SCHEMA,
        "context": context,
        "time": _when(at),
        "summary": summary(findings, unseen),
        "not_seen": list(unseen),
        "notes": list(notes),
        "findings": [_json_finding(one, periods) for one in findings],
    }
    return json.dumps(body, indent=1, ensure_ascii=True) + "\n"


def markdown(
    findings: Sequence[Finding],
    context: str,
    at: float,
    notes: Sequence[str] = (),
    periods: Periods = LIVE,
    *,
    unseen: Sequence[str] = (),
) -> str:
    head = f"# podwire check of {context}, {_when(at)}"
    lines = [head, "", f"{summary(findings, unseen)}.", ""]
    lines += [f"> {note}" for note in notes]
    for finding in findings:
        lines += _markdown_lines(finding, _period(finding, periods))
    return "\n".join(lines) + "\n"


def _markdown_lines(finding: Finding, period: str) -> Iterator[str]:
    yield f"## {finding.severity}: {finding.where}"
    yield f"\n**{finding.title}.** ({finding.rule})\n"
    if period:
        yield f"- seen: {period}"
    for one in finding.evidence:
        yield f"- {_with_origin(one)}"
    for label, value in labelled(finding):
        yield f"- {label}: {value}"
    if finding.fix:
        yield f"\n```{LANGUAGES[finding.fix_kind]}\n{finding.fix.rstrip()}\n```\n"
