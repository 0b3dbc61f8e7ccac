"""A report of an incident in which every text is as bad as it can be."""

from __future__ import annotations

from collectors.findings import Evidence, Finding, Subject
from diagnosis.incident.model import (
    IncidentReport,
    ReportCapture,
    ReportEntry,
    ReportFinding,
    ReportGraph,
    ReportWrite,
)

BEGAN = 1_700_000_000.0
HOSTILE = (
    "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> & [a](javascript:x) | `b` **c**"
)


def hostile_report(text: str = HOSTILE) -> IncidentReport:
    finding = Finding(
        rule="conntrack_full",
        severity="critical",
        subject=Subject(kind="node", name=text),
        title=text,
        evidence=(Evidence(text, text, BEGAN, text),),
        threshold=text,
        disproof=text,
        fix=f"{text}\n```\n{text}",
        fix_kind="shell",
        verify=text,
        consequences=(text,),
    )
    points = [(BEGAN + second, None if 20 < second < 25 else float(second)) for second in range(60)]
    graph = ReportGraph(text, text, text, text, points)
    entry = ReportEntry(BEGAN + 5, "mark", text, text, text)
    return IncidentReport(
        context=text,
        user=text,
        cluster_version=text,
        podwire=text,
        began=BEGAN,
        ended=BEGAN + 60,
        is_private=False,
        targets=[text],
        findings=[ReportFinding(finding, BEGAN + 10, None, (graph,))],
        timeline=[entry, ReportEntry(BEGAN + 21, "gap", text, text, bad=True, open=True)],
        before_first=[entry],
        writes=[ReportWrite(BEGAN + 6, text, text, text, text)],
        left=[text],
        captures=[ReportCapture(text, text, 3, 300, "ab" * 32, text)],
        notes=[text],
        counted=[finding],
    )
