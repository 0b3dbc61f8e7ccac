"""A report of a session as one HTML file: nothing is loaded, nothing runs. Pure.

The policy of the page allows its one style sheet, by its digest, and nothing else: text that would
escape from its place could neither run nor fetch.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence

from collectors.findings import Finding
from diagnosis.escaping import in_html as h
from diagnosis.incident import svg
from diagnosis.incident.model import (
    EXPLAINED,
    NO_CAUSE,
    IncidentReport,
    ReportClock,
    ReportEntry,
    ReportFinding,
    ReportGraph,
    date,
    length,
    number,
)
from diagnosis.incident.page_style import STYLE
from diagnosis.incident.svg import Bar, TimeSpan
from diagnosis.report import labelled, origin

Cell = tuple[str, str]  # the class of a cell, and its HTML
BANDS = 12  # findings in the picture of the timeline; more are in the list
KEY = (("critical", "critical"), ("warning", "warning"), ("info", "information"), ("gap", "gap"))
TICKS = (("mark", "mark"), ("write", "written to the cluster"), ("bad", "restart, eviction, …"))


def html(report: IncidentReport) -> str:
    parts = (_head, _first, _findings, _timeline, _writes, _captures, _notes)
    body = "\n".join(line for part in parts for line in part(report))
    title = h(f"Incident report: {report.context or 'no cluster'}, {date(report.began)}")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{content_policy()}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n"
        "</html>\n"
    )


def content_policy() -> str:
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _head(report: IncidentReport) -> Iterator[str]:
    yield f"<h1>Incident report: {h(report.context or 'no cluster')}</h1>"
    yield f'<p class="summary">{h(report.summary)}</p>'
    yield f'<p class="dim">{_span(report)}, all times UTC</p>'
    if report.is_private:
        yield "<p>Names and addresses are masked: the same name always has the same mask.</p>"
    if report.targets:
        yield f"<p>Looked at: {h(', '.join(report.targets))}</p>"


def _span(report: IncidentReport) -> str:
    clock = report.clock
    span = clock.period(report.began, report.ended)
    return span if clock.has_days else f"{date(report.began)}, {span}"


def _first(report: IncidentReport) -> Iterator[str]:
    if not report.before_first:
        return
    yield "<h2>Shortly before the first finding</h2>"
    yield f'<p class="dim">{NO_CAUSE}</p><ul>'
    clock = report.clock
    for entry in report.before_first:
        where = f" {h(entry.where)}:" if entry.where else ""
        yield f"<li>{clock.of_entry(entry)} {h(entry.kind)}{where} {h(entry.text)}</li>"
    yield "</ul>"


# --- findings


def _findings(report: IncidentReport) -> Iterator[str]:
    yield "<h2>Findings</h2>"
    if not report.findings:
        yield "<p>Nothing was found.</p>"
    shown, clock = TimeSpan(report.began, report.ended), report.clock
    for one in report.findings:
        yield from _finding(one, shown, clock)


def _finding(one: ReportFinding, shown: TimeSpan, clock: ReportClock) -> Iterator[str]:
    finding = one.finding
    yield f'<article class="finding {finding.severity}"><div class="head">'
    yield f'<span class="badge {finding.severity}">{finding.severity}</span>'
    yield f"<h3>{h(finding.where)}: {h(finding.title)}</h3>"
    yield f'<p class="dim">{_held_text(one, shown, clock)}, {h(finding.rule)}</p></div>'
    if one.is_explained:
        yield f'<p class="dim">{EXPLAINED}</p>'
    yield from _facts(finding)
    yield from (_figure(graph, one, shown, clock) for graph in one.graphs)
    if finding.fix:
        yield f"<p><strong>What to do</strong></p><pre>{h(finding.fix.rstrip())}</pre>"
    yield "</article>"


def _held_text(one: ReportFinding, shown: TimeSpan, clock: ReportClock) -> str:
    end = shown.ended if one.until is None else one.until
    return f"{clock.period(one.since, one.until)} ({length(end - one.since)})"


def _facts(finding: Finding) -> Iterator[str]:
    yield "<ul>"
    for evidence in finding.evidence:
        place = f' <span class="dim">({h(origin(evidence))})</span>' if origin(evidence) else ""
        yield f"<li>{h(evidence.text)}{place}</li>"
    yield from (f"<li>explains: {h(text)}</li>" for text in finding.consequences)
    yield "</ul><dl>"
    for label, value in labelled(finding):
        yield f"<dt>{h(label)}</dt><dd>{h(value)}</dd>"
    yield "</dl>"


def _figure(graph: ReportGraph, one: ReportFinding, shown: TimeSpan, clock: ReportClock) -> str:
    held = (one.since, shown.ended if one.until is None else one.until)
    highest = f"at most {number(graph.highest)} {h(graph.unit)}"
    return (
        f"<figure><figcaption><strong>{h(graph.title)}</strong><span>{h(graph.where)}</span>"
        f"<span>{highest}</span></figcaption>{svg.graph(graph, shown, held)}"
        f"{_axis(shown, clock)}"
        f'<div class="dim">{h(graph.meaning)}; shaded: while it was found</div></figure>'
    )


def _axis(shown: TimeSpan, clock: ReportClock) -> str:
    ends = f"<span>{clock.at(shown.began)}</span><span>{clock.at(shown.ended)}</span>"
    return f'<div class="axis">{ends}</div>'


# --- the timeline


def _timeline(report: IncidentReport) -> Iterator[str]:
    yield "<h2>Timeline</h2>"
    shown = TimeSpan(report.began, report.ended)
    yield svg.band(_bars(report, shown), _ticks(report), shown)
    yield _axis(shown, report.clock)
    yield f'<ul class="key">{"".join(_key())}</ul>'
    yield from _table(("time", "what", "where", ""), _entry_rows(report))


def _bars(report: IncidentReport, shown: TimeSpan) -> Iterator[Bar]:
    by_time = sorted(report.findings, key=lambda one: one.since)[:BANDS]
    for row, one in enumerate(by_time):
        end = shown.ended if one.until is None else one.until
        yield Bar(one.since, end, one.finding.severity, row)
    for entry in report.timeline:
        if entry.kind == "gap":
            end = shown.ended if entry.open else entry.until or entry.at
            yield Bar(entry.at, end, "gap", len(by_time))


def _ticks(report: IncidentReport) -> Iterator[tuple[float, str]]:
    for entry in report.timeline:
        if entry.kind in ("mark", "write"):
            yield entry.at, entry.kind
        elif entry.kind not in ("gap", "finding"):
            yield entry.at, "bad" if entry.bad else ""


def _key() -> Iterator[str]:
    for style, text in KEY:
        swatch = f'<rect class="bar {style}" width="10" height="10"/>'
        yield f'<li><svg viewBox="0 0 10 10" aria-hidden="true">{swatch}</svg>{text}</li>'
    for style, text in TICKS:
        swatch = f'<path class="tick {style}" d="M5 0V10"/>'
        yield f'<li><svg viewBox="0 0 10 10" aria-hidden="true">{swatch}</svg>{text}</li>'


def _entry_rows(report: IncidentReport) -> Iterator[Sequence[Cell]]:
    clock = report.clock
    return (_entry_row(entry, clock) for entry in report.timeline)


def _entry_row(entry: ReportEntry, clock: ReportClock) -> Sequence[Cell]:
    author = f"{h(entry.author)}: " if entry.author else ""
    style = "bad" if entry.bad else ""
    return (
        ("when", clock.of_entry(entry)),
        (f"kind {style}".strip(), h(entry.kind)),
        ("name", h(entry.where)),
        ("", f"{author}{h(entry.text)}"),
    )


# --- what was added, captures, notes


def _writes(report: IncidentReport) -> Iterator[str]:
    yield "<h2>Added to the cluster, and removed</h2>"
    clock = report.clock
    rows = [
        (("when", clock.at(one.at)), *_plain(one.verb, one.what, one.result, one.user))
        for one in report.writes
    ]
    yield from _table(("time", "request", "object", "result", "as"), rows)
    for text in report.left:
        yield f'<p class="bad"><strong>Left in the cluster:</strong> {h(text)}</p>'


def _plain(*texts: str) -> Iterator[Cell]:
    return (("", h(text)) for text in texts)


def _captures(report: IncidentReport) -> Iterator[str]:
    yield "<h2>Captures</h2>"
    rows = [
        (
            ("when", h(one.name)),
            ("name", h(one.where)),
            ("", f"{one.packets:,}"),
            ("", f"{one.bytes:,}" if one.sha256 else ""),
            ("hash", h(one.sha256)),
            ("", h(one.note)),
        )
        for one in report.captures
    ]
    yield from _table(("file", "where", "packets", "bytes", "SHA-256", ""), rows)


def _notes(report: IncidentReport) -> Iterator[str]:
    if report.notes:
        notes = "".join(f"<li>{h(note)}</li>" for note in report.notes)
        yield f"<h2>Notes</h2><ul>{notes}</ul>"
    yield f'<p class="dim made">Made by podwire {h(report.podwire)}.</p>'


def _table(heads: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """On a phone each row is a block, whose cells name their columns."""
    lines = [_row(heads, row) for row in rows]
    if not lines:
        yield '<p class="dim">None.</p>'
        return
    yield f"<table><thead><tr>{_head_cells(heads)}</tr></thead><tbody>"
    yield from lines
    yield "</tbody></table>"


def _head_cells(heads: Sequence[str]) -> str:
    return "".join(f"<th>{head}</th>" for head in heads)


def _row(heads: Sequence[str], row: Sequence[Cell]) -> str:
    cells = "".join(_cell(head, *cell) for head, cell in zip(heads, row, strict=True))
    return f"<tr>{cells}</tr>"


def _cell(head: str, style: str, text: str) -> str:
    named = f' data-head="{head}"' if head and style != "when" else ""
    return f'<td class="{style}"{named}>{text}</td>'
