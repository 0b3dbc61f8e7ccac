"""Findings as text, JSON and Markdown: one list of fields."""

from __future__ import annotations

import json

from diagnosis import report
from diagnosis.report import Report
from tests.support.snapshots import found, node


def test_reports_say_the_same_in_every_form() -> None:
    findings = list(found(node({"conntrack_count": 262_000}, {"conntrack_drop": 50})).values())
    made = Report(findings, "prod", 1_700_000_000.0, ["a note"])
    body = json.loads(report.as_json(made))
    assert (body["schema"], body["context"], body["summary"], body["notes"]) == (
        2,
        "prod",
        "1 critical",
        ["a note"],
    )
    (one,) = body["findings"]
    assert (
        one["rule"] == "conntrack_full"
        and one["evidence"][0]["source"]
        and one["fix_kind"] == "sysctl"
    )
    assert set(one) == {field.name for field in report.FIELDS}
    assert one["subject"] == {
        "kind": "node",
        "namespace": "",
        "name": "n1",
        "port": 0,
        "detail": "",
    }
    for text in (report.text(made), report.markdown(made)):
        assert "The conntrack table is full" in text and "nf_conntrack_max = 524288" in text
        for label, value in report.labelled(findings[0]):
            assert f"{label}: {value}" in text
    assert report.text(Report([])) == "nothing found\n"
    assert report.findings_text(findings) == report.text(made).partition("\n\n")[2]


def test_what_was_not_seen_is_in_the_first_line() -> None:
    """A user who may not list policies must not read that nothing was found."""
    first = report.text(Report([], unseen=["networkpolicies", "nodes"])).splitlines()[0]
    assert first == "nothing found in what could be seen; not seen: networkpolicies, nodes"
    made = Report([], "prod", 1.0, unseen=["nodes"])
    body = json.loads(report.as_json(made))
    assert body["not_seen"] == ["nodes"] and "not seen: nodes" in body["summary"]
    assert "not seen: nodes" in report.markdown(made)


def test_the_first_line_says_how_much_was_looked_at() -> None:
    seen = report.LookedAt(pods=4, nodes=1, other_pods=37)
    first = report.text(Report([], looked_at=seen)).splitlines()[0]
    assert first == "nothing found in 4 pods and 1 node; 37 pods not looked at"
    findings = list(found(node({"conntrack_count": 262_000}, {"conntrack_drop": 50})).values())
    none = report.LookedAt(other_pods=1, other_nodes=2)
    first = Report(findings, looked_at=none, unseen=["nodes"]).summary
    assert first == (
        "1 critical in the cluster's objects; 1 pod and 2 nodes not looked at; not seen: nodes"
    )
    body = json.loads(report.as_json(Report([], "prod", 1.0, looked_at=seen)))
    assert body["looked_at"] == {"pods": 4, "nodes": 1, "other_pods": 37, "other_nodes": 0}
