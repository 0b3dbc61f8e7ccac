"""The findings of a whole recording: under what explained them, at any time."""

from __future__ import annotations

from dataclasses import replace

from collectors.events import FindingEvent
from collectors.findings import Finding, Subject
from session.finding_history import FindingHistory
from session.findings_over_time import explained_by, over_time


def test_what_another_finding_of_its_subject_explains_does_not_hide_it() -> None:
    """A symptom and advice on one subject, of which a cause explains the symptom: the other stays."""
    history = FindingHistory()
    subject = Subject(kind="node", name="n1")
    cause = Finding(rule="cause", severity="critical", subject=subject, title="It is full")
    one = Finding(
        rule="one", severity="warning", subject=subject, title="3 are slow", stage="symptom"
    )
    other = replace(one, rule="other", title="4 are small", stage="advice")
    for number, finding in enumerate((one, other)):
        history.apply(FindingEvent(1.0 + number, "", "appeared", finding, 1.0))
    history.apply(FindingEvent(3.0, "", "gone", one, 1.0))
    explaining = replace(cause, consequences=("n1: 5 are slow",))
    history.apply(FindingEvent(4.0, "", "appeared", explaining, 4.0))
    found, _ = over_time(history)
    assert [finding.rule for finding in found] == ["cause", "other"]
    assert found[0].consequences == ("n1: 5 are slow",)


def test_of_two_that_explained_each_other_the_graver_is_said() -> None:
    """At different times: neither is left unsaid."""
    history = FindingHistory()
    first, second = (
        Finding(
            rule="lost", severity="warning", subject=Subject(kind="node", name=name), title="Lost"
        )
        for name in ("n1", "n2")
    )
    first, second = replace(first, stage="symptom"), replace(second, stage="symptom")
    for at, one, text in ((1.0, first, "n2: Lost"), (9.0, second, "n1: Lost")):
        said = replace(one, consequences=(text,), severity="critical" if at > 5 else "warning")
        history.apply(FindingEvent(at, "", "appeared", said, at))
        history.apply(FindingEvent(at + 4, "", "gone", said, at))
    found, periods = over_time(history)
    assert [(one.where, one.consequences) for one in found] == [("n2", ("n1: Lost",))]
    assert len(periods) == 2


def _warning(name: str, *consequences: str) -> Finding:
    subject = Subject(kind="node", name=name)
    return Finding(
        rule="lost", severity="warning", subject=subject, title="Lost", consequences=consequences
    )


def test_what_is_explained_through_another_is_explained() -> None:
    """The first explains the second now, and that one explained the third at an earlier time."""
    history, (first, second, third) = FindingHistory(), map(_warning, ("n1", "n2", "n3"))
    first = replace(first, consequences=("n2: Lost",))
    assert not explained_by([second], history, [first, second, third])
    history.apply(FindingEvent(1.0, "", "appeared", replace(second, consequences=("n3: Lost",))))
    assert explained_by([first], history, [first, second, third]) == {second.key, third.key}
    assert explained_by([second], history, [first, second, third]) == {third.key}
    assert not explained_by([], history, [first, second, third])
