"""A report of a session as JSON; docs/report.md says what each field means. Pure."""

from __future__ import annotations

import json
from typing import Any

from diagnosis.incident.model import (
    IncidentReport,
    ReportCapture,
    ReportEntry,
    ReportFinding,
    ReportGraph,
    ReportWrite,
    iso,
)
from diagnosis.report import FIELDS

SCHEMA = 1  # fields are only ever added within a version


def as_json(report: IncidentReport) -> str:
    return json.dumps(plain(report), indent=1, ensure_ascii=True) + "\n"


def plain(report: IncidentReport) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "kind": "incident report",
        "private": report.is_private,
        "podwire": report.podwire,
        "context": report.context,
        "user": report.user,
        "cluster_version": report.cluster_version,
        "from": iso(report.began),
        "to": iso(report.ended),
        "summary": report.summary,
        "targets": list(report.targets),
        "findings": [_finding(one) for one in report.findings],
        "before_first_finding": [_entry(one) for one in report.before_first],
        "timeline": [_entry(one) for one in report.timeline],
        "writes": [_write(one) for one in report.writes],
        "left_in_cluster": list(report.left),
        "captures": [_capture(one) for one in report.captures],
        "notes": list(report.notes),
    }


def _finding(one: ReportFinding) -> dict[str, Any]:
    body = {field.name: field.value(one.finding) for field in FIELDS}
    body |= {"from": iso(one.since), "to": None if one.until is None else iso(one.until)}
    return body | {"graphs": [_graph(graph) for graph in one.graphs]}


def _graph(graph: ReportGraph) -> dict[str, Any]:
    return {
        "title": graph.title,
        "unit": graph.unit,
        "where": graph.where,
        "meaning": graph.meaning,
        "points": [[round(at, 3), value] for at, value in graph.points],
    }


ENTRY_FIELDS = ("kind", "where", "text", "author", "bad")


def _entry(entry: ReportEntry) -> dict[str, Any]:
    return {
        "from": iso(entry.at),
        "to": None if entry.until is None else iso(entry.until),
        "went_on": entry.open,
        **{name: getattr(entry, name) for name in ENTRY_FIELDS},
    }


def _write(one: ReportWrite) -> dict[str, Any]:
    return {
        "time": iso(one.at),
        "user": one.user,
        "request": one.verb,
        "object": one.what,
        "result": one.result,
    }


def _capture(one: ReportCapture) -> dict[str, Any]:
    return {
        "file": one.name,
        "where": one.where,
        "packets": one.packets,
        "bytes": one.bytes,
        "sha256": one.sha256,
        "note": one.note,
    }
