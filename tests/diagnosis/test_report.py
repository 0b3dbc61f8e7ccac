"""Findings as text, JSON and Markdown: one list of fields."""

from __future__ import annotations

import json

from diagnosis import report
from tests.support.snapshots import found, node


def test_reports_say_the_same_in_every_form() -> None:
    findings = list(found(node({"conntrack_count": 262_000}, {"conntrack_drop": 50})).values())
    body = json.loads(report.as_json(findings, "prod", 1_700_000_000.0, ["a note"]))
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
    for text in (report.text(findings), report.markdown(findings, "prod", 1_700_000_000.0)):
        assert "The conntrack table is full" in text and "nf_conntrack_max = 524288" in text
        for label, value in report.labelled(findings[0]):
            assert f"{label}: {value}" in text
    assert report.text([]) == "nothing found\n"


def test_what_was_not_seen_is_in_the_first_line() -> None:
    """A user who may not list policies must not read that nothing was found."""
    first = report.text([], unseen=["networkpolicies", "nodes"]).splitlines()[0]
    assert first == "nothing found in what could be seen; not seen: networkpolicies, nodes"
    body = json.loads(report.as_json([], "prod", 1.0, unseen=["nodes"]))
    assert body["not_seen"] == ["nodes"] and "not seen: nodes" in body["summary"]
    assert "not seen: nodes" in report.markdown([], "prod", 1.0, unseen=["nodes"])
