"""From what a session knows to its report. Secrets are hidden in every text of it."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace

from collectors.events import Command
from collectors.findings import SEVERITY_ORDER
from collectors.privacy.secret_patterns import without_secrets
from collectors.privacy.text_map import map_text
from collectors.recording.event_log import start_event
from collectors.recording.journal import DELETED, GONE, REFUSED
from diagnosis.incident.model import (
    IncidentReport,
    ReportCapture,
    ReportEntry,
    ReportFinding,
    ReportWrite,
)
from session.finding_history import FindingSpan
from session.findings_over_time import over_time
from session.report_figures import graphs
from session.store import Store
from session.timeline import TimelineEntry

BEFORE_S = 300.0  # of which changes are named before the first finding
CHANGES = ("rollout", "restart", "eviction", "node", "pod")
MOST_BEFORE = 20
STAYS = {
    "create pods": "pod {}: its deletion is not recorded",
    "patch pods/ephemeralcontainers": "debug container in {}: it stays until the pod goes",
}


def incident_report(
    store: Store,
    *,
    captures: Sequence[ReportCapture] = (),
    notes: Sequence[str] = (),
    is_private: bool = False,
) -> IncidentReport:
    """Of all that was folded into the store."""
    began, ended = store.began, store.latest
    counted, periods = over_time(store.findings)
    explained = periods.keys() - {one.key for one in counted}
    findings = [
        replace(_finding(store, span, began, ended), is_explained=span.finding.key in explained)
        for span in store.findings.spans
    ]
    known = store.timeline.entries
    entries = [_entry(one) for one in known]
    start = store.start
    report = IncidentReport(
        context=start.context if start else "",
        user=start.user if start else "",
        cluster_version=start.version if start else "",
        podwire=start_event(0.0).podwire,
        began=began,
        ended=ended,
        is_private=is_private,
        targets=_targets(store),
        findings=sorted(findings, key=_worst_first),
        timeline=sorted([*entries, *map(_of_finding, findings)], key=lambda one: one.at),
        before_first=list(_before(known, findings)),
        writes=[_write(one) for one in store.timeline.writes],
        left=list(_left(store.timeline.writes)),
        captures=captures,
        notes=notes,
        counted=counted,
    )
    return map_text(report, without_secrets)


def _finding(store: Store, span: FindingSpan, began: float, ended: float) -> ReportFinding:
    """At its worst, with all that it explained at any time."""
    figures = tuple(graphs(store, span.worst, began, ended))
    finding = replace(span.worst, consequences=tuple(span.consequences.values()))
    return ReportFinding(finding, span.since, span.until, figures)


def _worst_first(one: ReportFinding) -> tuple[int, float]:
    return SEVERITY_ORDER[one.finding.severity], one.since


def _targets(store: Store) -> list[str]:
    return [key for key in store.targets if "/" in key]


def _entry(one: TimelineEntry) -> ReportEntry:
    return ReportEntry(
        at=one.at,
        kind=one.kind,
        where=one.where,
        text=one.text,
        author=one.author,
        bad=one.bad,
        until=one.until,
        open=one.open,
    )


def _of_finding(one: ReportFinding) -> ReportEntry:
    finding = one.finding
    return ReportEntry(
        at=one.since,
        kind="finding",
        where=finding.where,
        text=f"{finding.severity}: {finding.title}",
        bad=finding.severity == "critical",
        until=one.until,
        open=one.until is None,
    )


def _before(
    entries: Iterable[TimelineEntry], findings: Sequence[ReportFinding]
) -> Iterator[ReportEntry]:
    """The changes of the minutes before the first finding, the newest of many: without pods of Jobs
    that had ended well by that time."""
    serious = [one.since for one in findings if one.finding.severity != "info"]
    first = min(serious, default=0.0)
    earlier = [one for one in entries if one.kind in CHANGES and one.at <= first]
    done = {one.where for one in earlier if one.routine}
    found = [one for one in earlier if first - BEFORE_S <= one.at and not _is_routine(one, done)]
    yield from map(_entry, found[-MOST_BEFORE:])


def _is_routine(one: TimelineEntry, done: Container[str]) -> bool:
    return one.routine or (one.kind == "pod" and not one.bad and one.where in done)


def _write(one: Command) -> ReportWrite:
    return ReportWrite(one.at, one.user, one.verb, one.what, one.result)


def _left(writes: Iterable[Command]) -> Iterator[str]:
    """Pods that were created and, as far as was recorded, not deleted; debug containers, which stay
    in their pods."""
    created: dict[str, str] = {}
    for one in writes:
        if one.verb == "delete pods" and one.result in (DELETED, GONE):
            created.pop(one.what, None)
        elif not one.result.startswith(REFUSED) and one.verb in STAYS:
            created[one.what] = STAYS[one.verb].format(one.what)
    yield from created.values()
