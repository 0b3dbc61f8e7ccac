"""Findings as text, JSON and Markdown: one list of fields."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from collectors.findings import Evidence, Finding, Subject
from diagnosis import report
from diagnosis.escaping import in_markdown
from diagnosis.report import Report
from tests.support.snapshots import found, node


def test_reports_say_the_same_in_every_form() -> None:
    first = Report([], looked_at=report.LookedAt(other_pods=1), unseen=["nodes"]).summary
    assert first.startswith("nothing found in what could be seen of the cluster's objects; 1 pod")
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
    for text, shown in ((report.text(made), str), (report.markdown(made), in_markdown)):
        assert "The conntrack table is full" in text and "nf_conntrack_max = 524288" in text
        for label, value in report.labelled(findings[0]):
            assert shown(f"{label}: {value}") in text
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


def test_several_are_in_the_plural() -> None:
    (one,) = found(node({"conntrack_count": 262_000}, {"conntrack_drop": 50})).values()
    warning, info = replace(one, severity="warning"), replace(one, severity="info")
    assert Report([one, warning, warning]).summary == "1 critical, 2 warnings"
    assert Report([one, one, warning, info, info]).summary == "2 critical, 1 warning, 2 info"


HOSTILE = "</td><script>alert(1)</script> [x](https://evil.example) ![](x) @all `a` # b | c"


def test_nothing_of_a_cluster_is_markup_in_markdown() -> None:
    finding = Finding(
        rule="refused",
        severity="warning",
        subject=Subject(kind="service", name=HOSTILE, namespace="shop"),
        title=HOSTILE,
        evidence=(Evidence(HOSTILE, "ss", 0.0, HOSTILE),),
        fix=f"```\n{HOSTILE}\n````",
        consequences=(HOSTILE,),
    )
    text = report.markdown(Report([finding], HOSTILE, 1.0, [HOSTILE]))
    outside, fence, fix = text.partition("`````")
    assert fence and fix.count("`````") == 1, "the fence is longer than any in it"
    outside = re.sub(r"\\.", "", outside)  # what is escaped
    assert "<" not in outside and "](" not in outside and "@all" not in outside
    assert "https:" not in outside and "`" not in outside
    assert "alert" in outside, "it is there as text"


def test_each_time_that_a_finding_was_seen_is_said() -> None:
    (finding,) = found(node({"conntrack_count": 262_000}, {"conntrack_drop": 50})).values()
    spans = tuple((60.0 * n, 60.0 * n + 20) for n in range(1, 6))
    made = Report([finding], "prod", 400.0, periods={finding.key: (*spans, (360.0, None))})
    assert (
        "seen: 1970-01-01T00:01:00Z to the end, 6 times: 1970-01-01T00:01:00Z to "
        "1970-01-01T00:01:20Z, " in report.text(made)
    )
    assert "1970-01-01T00:04:20Z and 2 more" in report.markdown(made)
    (one,) = json.loads(report.as_json(made))["findings"]
    assert (one["from"], one["to"]) == ("1970-01-01T00:01:00Z", None)
    assert [span["to"] for span in one["spans"][4:]] == ["1970-01-01T00:05:20Z", None]
    once = Report([finding], "prod", 400.0, periods={finding.key: spans[:1]})
    assert "seen: 1970-01-01T00:01:00Z to 1970-01-01T00:01:20Z\n" in report.text(once)
