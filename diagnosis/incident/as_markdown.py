"""An incident report as Markdown, for a ticket or a wiki."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from diagnosis.escaping import fenced, in_markdown as md
from diagnosis.incident.model import (
    EXPLAINED,
    NO_CAUSE,
    IncidentReport,
    ReportCapture,
    ReportClock,
    ReportEntry,
    ReportFinding,
    ReportGraph,
    date,
    length,
    number,
)
from diagnosis.report import LANGUAGES, labelled, origin

BARS = "▁▂▃▄▅▆▇█"
BAR_COLUMNS = 60
Rows = Iterable[Sequence[object]]


def markdown(report: IncidentReport) -> str:
    parts = (_head, _first, _findings, _timeline, _writes, _captures, _notes)
    return "\n".join(line for part in parts for line in part(report)) + "\n"


def _head(report: IncidentReport) -> Iterator[str]:
    yield f"# Incident report: {md(report.context or 'no cluster')}, {date(report.began)}"
    yield f"\n**{md(report.summary)}.** {_span(report)}, all times UTC."
    if report.is_private:
        yield "\nNames and addresses are masked: the same name always has the same mask."
    if report.targets:
        yield f"\nTargets: {', '.join(md(one) for one in report.targets)}."


def _span(report: IncidentReport) -> str:
    seconds = length(report.ended - report.began)
    return f"From {report.clock.period(report.began, report.ended)} ({seconds})"


def _first(report: IncidentReport) -> Iterator[str]:
    if report.before_first:
        yield "\n## Shortly before the first finding\n"
        yield f"{NO_CAUSE}\n"
        clock = report.clock
        yield from (f"- {_entry_line(entry, clock)}" for entry in report.before_first)


def _entry_line(entry: ReportEntry, clock: ReportClock) -> str:
    where = f" {md(entry.where)}:" if entry.where else ""
    return f"{clock.of_entry(entry)} {md(entry.kind)}{where} {md(entry.text)}"


def _findings(report: IncidentReport) -> Iterator[str]:
    yield "\n## Findings"
    if not report.findings:
        yield "\nNothing was found."
    clock = report.clock
    for one in report.findings:
        yield from _finding(one, clock.period(one.since, one.until))


def _finding(one: ReportFinding, held: str) -> Iterator[str]:
    finding = one.finding
    yield f"\n### {finding.severity}: {md(finding.where)}\n"
    yield f"**{md(finding.title)}** ({md(finding.rule)}), {held}\n"
    if one.is_explained:
        yield f"- {EXPLAINED}"
    for evidence in finding.evidence:
        place = f" _({md(origin(evidence))})_" if origin(evidence) else ""
        yield f"- {md(evidence.text)}{place}"
    yield from (f"- explains: {md(text)}" for text in finding.consequences)
    yield from (f"- {label}: {md(value)}" for label, value in labelled(finding))
    yield from (f"- {_graph_line(graph)}" for graph in one.graphs)
    if finding.fix:
        yield f"\n{fenced(finding.fix, LANGUAGES[finding.fix_kind])}"


def _graph_line(graph: ReportGraph) -> str:
    head = (
        f"{md(graph.title)} at {md(graph.where)}, at most {number(graph.highest)} {md(graph.unit)}"
    )
    return f"{head}: `{bars(graph)}`"


def bars(graph: ReportGraph) -> str:
    """A figure as a line of block characters; a gap is a space."""
    top = graph.highest or 1.0
    return "".join(_bar(value, top) for value in _columns(graph))


def _columns(graph: ReportGraph) -> list[float | None]:
    """The points in BAR_COLUMNS columns, the largest value of each; None is a gap."""
    size = -(-len(graph.points) // BAR_COLUMNS) or 1
    values = [value for _, value in graph.points]
    stretches = (values[start : start + size] for start in range(0, len(values), size))
    return [max((v for v in some if v is not None), default=None) for some in stretches]


def _bar(value: float | None, top: float) -> str:
    if value is None:
        return " "
    return BARS[min(len(BARS) - 1, int(value / top * (len(BARS) - 1) + 0.5))]


def _timeline(report: IncidentReport) -> Iterator[str]:
    yield "\n## Timeline\n"
    clock = report.clock
    rows = [_timeline_row(entry, clock) for entry in report.timeline]
    yield from _table(("time", "what", "where", "text"), rows)


def _timeline_row(entry: ReportEntry, clock: ReportClock) -> tuple[str, ...]:
    author = f"{entry.author}: " if entry.author else ""
    return clock.of_entry(entry), entry.kind, entry.where, f"{author}{entry.text}"


def _writes(report: IncidentReport) -> Iterator[str]:
    yield "\n## Added to the cluster, and removed\n"
    clock = report.clock
    rows = [(clock.at(one.at), one.verb, one.what, one.result, one.user) for one in report.writes]
    yield from _table(("time", "request", "object", "result", "user"), rows)
    for text in report.left:
        yield f"\n**Left in the cluster:** {md(text)}"


def _captures(report: IncidentReport) -> Iterator[str]:
    yield "\n## Captures\n"
    rows = [
        (one.name, one.where, f"{one.packets:,}", _size(one), one.sha256, one.note)
        for one in report.captures
    ]
    yield from _table(("file", "where", "packets", "bytes", "SHA-256", "note"), rows)


def _size(one: ReportCapture) -> str:
    return f"{one.bytes:,}" if one.sha256 else ""


def _notes(report: IncidentReport) -> Iterator[str]:
    if report.notes:
        yield "\n## Notes\n"
        yield from (f"- {md(note)}" for note in report.notes)
    yield f"\nMade by podwire {md(report.podwire)}."


def _table(heads: Sequence[str], rows: Rows) -> Iterator[str]:
    lines = [f"| {' | '.join(md(cell) for cell in row)} |" for row in rows]
    if not lines:
        yield "None."
        return
    yield f"| {' | '.join(heads)} |"
    yield f"|{' --- |' * len(heads)}"
    yield from lines
