"""Several vantage points may see one fault: a finding for each subject."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from collectors.findings import Finding, Subject


def first_of_each(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The first finding of each subject."""
    found: dict[Subject, Finding] = {}
    for finding in findings:
        found.setdefault(finding.subject, finding)
    yield from found.values()
