"""A report counts findings as `check --from` does."""

from __future__ import annotations

from dataclasses import replace

from collectors.events import FindingEvent
from collectors.findings import Finding, Subject
from diagnosis.incident.as_html import html
from diagnosis.incident.as_markdown import markdown
from diagnosis.incident.model import EXPLAINED
from session.findings_over_time import over_time
from session.incident_report import incident_report
from session.store import Store


def test_a_consequence_and_a_finding_that_comes_back_are_not_counted_again() -> None:
    node = Subject(kind="node", name="n1")
    cause = Finding(rule="full", severity="critical", subject=node, title="full")
    other = replace(node, name="n2")
    symptom = Finding(rule="lost", severity="warning", subject=other, title="lost", stage="symptom")
    store = Store()
    store.apply(FindingEvent(1.0, "", "appeared", symptom))
    for at in (3.0, 9.0):
        explaining = replace(cause, consequences=("n2: lost",))
        store.apply(FindingEvent(at, "", "appeared", explaining))
        store.apply(FindingEvent(at + 2, "", "gone", explaining))
    report = incident_report(store)
    assert len(report.findings) == 3, "each time that one held has its graphs"
    assert report.summary.startswith("1 critical in ")
    assert [one.key for one in report.counted] == [one.key for one in over_time(store.findings)[0]]
    assert [(one.finding.rule, one.is_explained) for one in report.findings] == [
        ("full", False),
        ("full", False),
        ("lost", True),
    ]
    for text in (markdown(report), html(report)):
        assert text.count(EXPLAINED) == 1


def test_a_cause_has_all_that_it_explained_at_any_time() -> None:
    """Also where it was at its worst before it explained anything, and by what was said later."""
    cause = Finding(
        rule="full", severity="critical", subject=Subject(kind="node", name="n1"), title=""
    )
    store = Store()
    for at, one in enumerate((cause, replace(cause, severity="warning", consequences=("a: b",)))):
        store.apply(FindingEvent(1.0 + at, "", "changed" if at else "appeared", one))
    assert store.findings.explain(cause.key, "c: d")
    (found,) = incident_report(store).findings
    assert found.finding.severity == "critical" and found.finding.consequences == ("a: b", "c: d")
    store.apply(FindingEvent(9.0, "", "gone", cause))
    assert not store.findings.explain(cause.key, "e: f"), "it does not hold any more"
