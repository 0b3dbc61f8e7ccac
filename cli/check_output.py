"""What `podwire check` prints, and how it exits, whichever it looked at."""

from __future__ import annotations

from collections.abc import Sequence

from cli.exit_codes import FAILED
from cli.messages import write_output
from collectors.findings import SEVERITY_ORDER, Finding
from diagnosis import report
from diagnosis.report import LIVE, Periods


def write(
    output: str,
    findings: Sequence[Finding],
    *,
    context: str,
    at: float,
    notes: Sequence[str],
    periods: Periods = LIVE,
    unseen: Sequence[str] = (),
) -> None:
    """As text, json or markdown. `unseen` are kinds of objects that were not or not all listed."""
    if output == "text":
        text = report.text(findings, notes, periods, unseen=unseen)
    else:
        made = report.as_json if output == "json" else report.markdown
        text = made(findings, context, at, notes, periods, unseen=unseen)
    write_output(text)


def exit_code(findings: Sequence[Finding], fail_on: str) -> int:
    """1 where something is as bad as `fail_on`, a severity or `never`."""
    worst = min((SEVERITY_ORDER[one.severity] for one in findings), default=len(SEVERITY_ORDER))
    return FAILED if worst <= SEVERITY_ORDER.get(fail_on, -1) else 0
