"""What held from when to when, folded from the events of findings."""

from __future__ import annotations

from dataclasses import replace

from collectors.events import FindingChange, FindingEvent
from collectors.findings import Evidence, Finding, Subject
from session.finding_history import FindingHistory

FULL = Finding(
    rule="conntrack_full",
    severity="critical",
    subject=Subject(kind="node", name="n1"),
    title="The conntrack table is full",
    evidence=(Evidence("10 of 10", "nf_conntrack_count"),),
)
SLOW = replace(FULL, rule="slow", severity="warning", title="slow")


def event(at: float, change: FindingChange, finding: Finding = FULL) -> FindingEvent:
    return FindingEvent(at, "", change, finding, since=at - 3 if change == "appeared" else 0.0)


def test_a_span_begins_where_it_began_to_hold_and_ends_where_it_is_gone() -> None:
    history = FindingHistory()
    assert history.apply(event(10, "appeared")) == "appeared: n1: The conntrack table is full"
    assert (history.current, history.since(FULL)) == ([FULL], 7)
    assert history.apply(event(20, "gone")) == "gone: n1: The conntrack table is full"
    (span,) = history.spans
    assert (span.since, span.until, span.finding) == (7, 20, FULL)
    assert (history.current, history.since(FULL)) == ([], 0)


def test_figures_that_change_are_kept_and_say_nothing() -> None:
    history = FindingHistory()
    history.apply(event(10, "appeared"))
    more = replace(FULL, evidence=(Evidence("11 of 10", "nf_conntrack_count"),))
    assert history.apply(event(12, "changed", more)) == ""
    assert history.current == [more]
    worse = replace(more, title="The conntrack table is full: packets are dropped")
    assert history.apply(event(14, "changed", worse)).startswith("changed: n1: ")
    assert history.since(worse) == 7 and history.revision == 3


def test_figures_in_a_title_say_nothing_and_names_do() -> None:
    first = replace(FULL, title="9.1 % (bound 7 to 12 %) of what goes to web-1:80 is lost")
    history = FindingHistory()
    history.apply(event(10, "appeared", first))
    for title, is_said in (
        ("17 % (bound 12 to 1,017 %) of what goes to web-1:80 is lost", False),
        ("17 % (bound 12 to 1,017 %) of what goes to web-2:80 is lost", True),
        ("17 % (bound 12 to 1,017 %) of what goes to web-2:8080 is lost", True),
        ("18 % (bound 13 to 22 %) of what goes to 10.0.0.1 is lost", True),
        ("19 % (bound 13 to 22 %) of what goes to 10.0.0.2 is lost", True),
        ("2 % (bound 1 to 3 %) of what goes to 10.0.0.2 is lost", False),
    ):
        latest = replace(FULL, title=title)
        assert bool(history.apply(event(12, "changed", latest))) is is_said, title
        assert history.current == [latest]


def test_what_comes_again_is_another_span() -> None:
    history = FindingHistory()
    for at, change in ((10, "appeared"), (20, "gone"), (40, "appeared")):
        history.apply(event(at, change))  # type: ignore[arg-type]
    assert [(span.since, span.until) for span in history.spans] == [(7, 20), (37, None)]


def test_a_recording_may_begin_within_a_finding() -> None:
    history = FindingHistory()
    history.apply(event(10, "changed"))
    assert history.since(FULL) == 10
    other = FindingHistory()
    other.apply(event(20, "gone"))
    assert [(span.since, span.until) for span in other.spans] == [(20, 20)]


def test_the_worst_first_and_a_headline() -> None:
    history = FindingHistory()
    assert history.headline == ("", "warn")
    history.apply(event(10, "appeared", SLOW))
    assert history.headline == ("1 warning", "warn")
    history.apply(event(11, "appeared"))
    assert history.headline == ("1 critical, 1 warning", "bad")
    assert history.current == [FULL, SLOW]


def test_what_it_was_at_its_worst_is_kept() -> None:
    """The graver counts; of equal ones the surer, of equal ones the later."""
    history = FindingHistory()
    weaker = replace(FULL, severity="warning", title="nearly full")
    unlikely = replace(FULL, confidence="possible", title="perhaps full")
    later = replace(FULL, title="full still")
    for at, finding in enumerate((weaker, FULL, unlikely, later, weaker)):
        history.apply(event(at, "changed", finding))
    (span,) = history.spans
    assert (span.worst.title, span.finding.title) == ("full still", "nearly full")
