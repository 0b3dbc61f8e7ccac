"""Findings as text, as JSON with a version, and as Markdown for a write-up. Pure."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from collectors.findings import Evidence, Finding

SCHEMA = 2  # of the JSON; fields are only ever added within a version
MARKS = {"critical": "CRITICAL", "warning": "WARNING ", "info": "INFO    "}
LANGUAGES = {"sysctl": "ini", "yaml": "yaml", "shell": "sh", "text": ""}


def _when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else ""


def summary(findings: Sequence[Finding]) -> str:
    """`2 critical, 1 warning`, or that nothing was found."""
    counts = [f"{n} {kind}" for kind in MARKS if (n := sum(f.severity == kind for f in findings))]
    return ", ".join(counts) or "nothing found"


def _evidence(one: Evidence) -> str:
    origin = ", ".join(part for part in (one.source, one.scope) if part)
    return f"{one.text} [{origin}]" if origin else one.text


def text(findings: Sequence[Finding], notes: Sequence[str] = ()) -> str:
    lines = [summary(findings)]
    for note in notes:
        lines.append(f"note: {note}")
    for f in findings:
        lines += ["", f"{MARKS[f.severity]} {f.where}: {f.title}  ({f.rule}, {f.confidence})"]
        lines += [f"    {_evidence(one)}" for one in f.evidence]
        told = (("threshold", f.threshold), ("disproved if", f.disproof), ("verify", f.verify))
        lines += [f"    {name}: {value}" for name, value in told if value]
        if f.fix:
            lines.append("    fix:")
            lines.append(textwrap.indent(f.fix.rstrip(), "      "))
    return "\n".join(lines) + "\n"


def plain(f: Finding) -> dict[str, Any]:
    return {
        "rule": f.rule,
        "severity": f.severity,
        "subject": {
            "kind": f.subject.kind,
            "namespace": f.subject.namespace,
            "name": f.subject.name,
            "port": f.subject.port,
            "detail": f.subject.detail,
        },
        "where": f.where,
        "title": f.title,
        "confidence": f.confidence,
        "evidence": [
            {"text": e.text, "source": e.source, "scope": e.scope, "time": _when(e.at)}
            for e in f.evidence
        ],
        "threshold": f.threshold,
        "disproved_if": f.disproof,
        "fix": f.fix,
        "fix_kind": f.fix_kind,
        "verify": f.verify,
    }


def as_json(findings: Sequence[Finding], context: str, at: float, notes: Sequence[str] = ()) -> str:
    body = {
        "schema": SCHEMA,
        "context": context,
        "time": _when(at),
        "summary": summary(findings),
        "notes": list(notes),
        "findings": [plain(f) for f in findings],
    }
    return json.dumps(body, indent=1, ensure_ascii=True) + "\n"


def markdown(
    findings: Sequence[Finding], context: str, at: float, notes: Sequence[str] = ()
) -> str:
    lines = [f"# podwire check of {context}, {_when(at)}", "", f"{summary(findings)}.", ""]
    lines += [f"> {note}" for note in notes]
    for f in findings:
        lines += [
            f"## {f.severity}: {f.where}",
            "",
            f"**{f.title}.** ({f.rule}, {f.confidence})",
            "",
        ]
        lines += [f"- {_evidence(one)}" for one in f.evidence]
        lines += (
            [f"- threshold: {f.threshold}", f"- disproved if: {f.disproof}"] if f.disproof else []
        )
        if f.fix:
            lines += ["", f"```{LANGUAGES[f.fix_kind]}", f.fix.rstrip(), "```", ""]
        if f.verify:
            lines += [f"Verify: {f.verify}", ""]
    return "\n".join(lines) + "\n"
