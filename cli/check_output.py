"""What `podwire check` prints, and how it exits, whichever it looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cli.exit_codes import FAILED
from cli.messages import write_output
from collectors.findings import SEVERITY_ORDER, Finding
from diagnosis import report
from diagnosis.report import Report

FORMS: dict[str, Callable[[Report], str]] = {
    "text": report.text,
    "json": report.as_json,
    "markdown": report.markdown,
}


def write(output: str, found: Report) -> None:
    """As text, json or markdown."""
    write_output(FORMS[output](found))


def exit_code(findings: Sequence[Finding], fail_on: str) -> int:
    """1 where something is as bad as `fail_on`, a severity or `never`."""
    return FAILED if _worst(findings) <= SEVERITY_ORDER.get(fail_on, -1) else 0


def _worst(findings: Sequence[Finding]) -> int:
    """Its place in the order of severities; after the last where nothing was found."""
    return min((SEVERITY_ORDER[one.severity] for one in findings), default=len(SEVERITY_ORDER))
