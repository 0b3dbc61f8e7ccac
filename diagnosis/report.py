"""Findings as text, as JSON with a version, and as Markdown for a write-up, by one list of fields
that the screen reads as well. Pure."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from collectors.findings import Evidence, Finding, FixKind, Severity, Subject, counts_text
from collectors.frozen import frozen
from collectors.plural import counted
from diagnosis.comparison import Comparison
from diagnosis.escaping import fenced, in_markdown as md

SCHEMA = 2  # of the JSON; fields are only ever added within a version
SEVERITY_WORDS: dict[Severity, str] = {
    "critical": "CRITICAL",
    "warning": "WARNING ",
    "info": "INFO    ",
}
LANGUAGES: dict[FixKind, str] = {"sysctl": "ini", "yaml": "yaml", "shell": "sh", "text": ""}
Span = tuple[float, float | None]  # from, to (None: it still held at the end)
Spans = tuple[Span, ...]  # in order
Periods = Mapping[tuple[str, Subject], Spans]  # by a finding's key; of what was recorded
SPANS_SHOWN = 4


def _when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else ""


def origin(one: Evidence) -> str:
    """Where a figure was read, and whose it is."""
    return ", ".join(part for part in (one.source, one.scope) if part)


SUBJECT_FIELDS = ("kind", "namespace", "name", "port", "detail")


def _subject(finding: Finding) -> dict[str, Any]:
    return {name: getattr(finding.subject, name) for name in SUBJECT_FIELDS}


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
    ReportField("consequences", lambda finding: list(finding.consequences)),
)


def labelled(finding: Finding) -> Iterator[tuple[str, str]]:
    """(label, value) of what is known."""
    for one in FIELDS:
        if one.label and (value := one.value(finding)):
            yield one.label, value


@dataclass(frozen=True, slots=True)
class LookedAt:
    """How many pods and nodes a check was attached to, and how many others there are of what was
    asked for."""

    pods: int = 0
    nodes: int = 0
    other_pods: int = 0
    other_nodes: int = 0

    @property
    def text(self) -> str:
        """`4 pods and 1 node; 37 pods not looked at`."""
        seen = " and ".join(_counted(self.pods, self.nodes)) or "the cluster's objects"
        others = " and ".join(_counted(self.other_pods, self.other_nodes))
        return f"{seen}; {others} not looked at" if others else seen


def _counted(pods: int, nodes: int) -> Iterator[str]:
    for count, what in ((pods, "pod"), (nodes, "node")):
        if count:
            yield counted(count, what)


@frozen
class Report:
    """The outcome of a check: `at` is when (seconds), `periods` are of what was recorded only, and
    `unseen` are the kinds of objects of which some or all could not be looked at."""

    findings: Sequence[Finding]
    context: str = ""
    at: float = 0.0
    notes: Sequence[str] = ()
    periods: Periods = field(default_factory=dict)
    unseen: Sequence[str] = ()
    looked_at: LookedAt | None = None
    comparison: Comparison | None = None

    @property
    def deciding(self) -> Sequence[Finding]:
        """Those that the exit code depends on: where there is a comparison, what is new."""
        return (
            list(filter(self.comparison.is_new, self.findings))
            if self.comparison
            else self.findings
        )

    @property
    def summary(self) -> str:
        """`2 critical, 1 warning in 4 pods and 1 node`, or that nothing was found there; what was
        not looked at, and what could not be."""
        found = self._found
        if self.comparison is not None:
            found = f"{found}; {self.comparison.summary(self.findings)}"
        return f"{found}; not seen: {', '.join(self.unseen)}" if self.unseen else found

    def in_order(self) -> Iterator[tuple[Finding, str]]:
        """Findings, and what each is against the earlier session ('' without one)."""
        if self.comparison is None:
            yield from ((finding, "") for finding in self.findings)
            return
        for finding in self.comparison.new_first(self.findings):
            yield finding, self.comparison.state(finding)

    @property
    def _found(self) -> str:
        found = counts_text(self.findings)
        nothing = "nothing found in what could be seen" if self.unseen else "nothing found"
        if self.looked_at is None:
            return found or nothing
        joint = " of " if self.unseen and not found else " in "
        return f"{found or nothing}{joint}{self.looked_at.text}"

    def period_text(self, finding: Finding) -> str:
        """From when to when it was seen; '' for a finding of now."""
        spans = self.periods.get(finding.key, ())
        if len(spans) <= 1:
            return "".join(map(_span_text, spans))
        more = f" and {len(spans) - SPANS_SHOWN} more" if len(spans) > SPANS_SHOWN else ""
        listed = ", ".join(map(_span_text, spans[:SPANS_SHOWN]))
        return f"{_span_text((spans[0][0], spans[-1][1]))}, {len(spans)} times: {listed}{more}"


def _span_text(span: Span) -> str:
    since, until = span
    return f"{_when(since)} to {_when(until) if until is not None else 'the end'}"


def text(report: Report) -> str:
    lines = [report.summary, *(f"note: {note}" for note in report.notes)]
    for finding, state in report.in_order():
        lines += ["", *_text_lines(finding, report.period_text(finding), state)]
    if report.comparison is not None and (absent := list(report.comparison.lines())):
        lines += ["", *(f"{state}: {_line(finding)}" for state, finding in absent)]
    return "\n".join(lines) + "\n"


def _line(finding: Finding) -> str:
    return f"{finding.severity} {finding.where}: {finding.title}  ({finding.rule})"


def findings_text(findings: Sequence[Finding]) -> str:
    """Findings of now alone, without how many there are."""
    return "\n\n".join("\n".join(_text_lines(one, "")) for one in findings) + "\n"


def _text_lines(finding: Finding, period: str, state: str = "") -> Iterator[str]:
    shown = f"{finding.where}: {finding.title}  ({finding.rule}){f', {state}' if state else ''}"
    yield f"{SEVERITY_WORDS[finding.severity]} {shown}"
    for line in _facts(finding, period):
        yield f"    {line}"
    if finding.fix:
        yield "    fix:"
        yield textwrap.indent(finding.fix.rstrip(), "      ")


def _facts(finding: Finding, period: str) -> Iterator[str]:
    """A line each: when it was seen, its evidence, what it explains, what else is known of it."""
    if period:
        yield f"seen: {period}"
    yield from map(_with_origin, finding.evidence)
    yield from (f"explains: {consequence}" for consequence in finding.consequences)
    yield from (f"{label}: {value}" for label, value in labelled(finding))


def _with_origin(one: Evidence) -> str:
    return f"{one.text} [{origin(one)}]" if origin(one) else one.text


def as_json(report: Report) -> str:
    """`from`, `to` and `spans` are of what was recorded only; `to` is null where it held to the
    end."""
    looked_at = report.looked_at
    body = {
        "schema": SCHEMA,
        "context": report.context,
        "time": _when(report.at),
        "summary": report.summary,
        "looked_at": asdict(looked_at) if looked_at is not None else None,
        "not_seen": list(report.unseen),
        "notes": list(report.notes),
        "findings": [_json_finding(one, report.periods, state) for one, state in report.in_order()],
        "since": report.comparison.as_json() if report.comparison is not None else None,
    }
    return json.dumps(body, indent=1, ensure_ascii=True) + "\n"


def _json_finding(finding: Finding, periods: Periods, state: str) -> dict[str, Any]:
    body = {one.name: one.value(finding) for one in FIELDS} | ({"state": state} if state else {})
    if spans := periods.get(finding.key):
        body |= _json_span((spans[0][0], spans[-1][1]))
        body["spans"] = [_json_span(span) for span in spans]
    return body


def _json_span(span: Span) -> dict[str, str | None]:
    since, until = span
    return {"from": _when(since), "to": _when(until) if until is not None else None}


def markdown(report: Report) -> str:
    """Nothing of a cluster's text is read as markup."""
    head = f"# podwire check of {md(report.context)}, {_when(report.at)}"
    lines = [head, "", f"{md(report.summary)}.", ""]
    lines += [f"> {md(note)}" for note in report.notes]
    for finding, state in report.in_order():
        lines += _markdown_lines(finding, report.period_text(finding), state)
    if report.comparison is not None and (absent := list(report.comparison.lines())):
        lines += ["## No longer found", ""]
        lines += [f"- {state}: {md(_line(finding))}" for state, finding in absent]
    return "\n".join(lines) + "\n"


def _markdown_lines(finding: Finding, period: str, state: str) -> Iterator[str]:
    yield f"## {finding.severity}: {md(finding.where)}{f' ({state})' if state else ''}"
    yield f"\n**{md(finding.title)}.** ({md(finding.rule)})\n"
    for line in _facts(finding, period):
        yield f"- {md(line)}"
    if finding.fix:
        yield f"\n{fenced(finding.fix, LANGUAGES[finding.fix_kind])}\n"
