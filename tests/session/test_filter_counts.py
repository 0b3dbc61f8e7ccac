"""By how much rules counted in the last seconds."""

from __future__ import annotations

from collectors.events import FilterRule, FilterRules
from session.filter_counts import FilterCounts


def rule(packets: int, text: str = "tcp dport 80 counter drop") -> FilterRule:
    return FilterRule("nft", "inet a", "b", "input", text, packets)


def counts(*readings: tuple[float, tuple[FilterRule, ...]]) -> FilterCounts:
    made = FilterCounts()
    for at, rows in readings:
        made.add(FilterRules(at, "node/n1", rows))
    return made


def test_since_the_reading_before_the_window() -> None:
    made = counts(*((5.0 * n, (rule(10 * n),)) for n in range(8)))
    (found,) = made.rising(35.0)
    assert (found.packets, found.seconds) == (30, 15.0)


def test_a_rule_that_stands_still() -> None:
    assert not list(counts((0.0, (rule(9),)), (5.0, (rule(9),))).rising(5.0))


def test_one_reading_says_nothing() -> None:
    assert not list(counts((0.0, (rule(9),))).rising(0.0))


def test_a_rule_that_is_new_or_was_set_to_0() -> None:
    (new,) = counts((0.0, ()), (5.0, (rule(4),))).rising(5.0)
    (reset,) = counts((0.0, (rule(100),)), (5.0, (rule(4),))).rising(5.0)
    assert new.packets == reset.packets == 4


def test_a_reading_of_long_ago() -> None:
    made = counts((0.0, (rule(1),)), (5.0, (rule(9),)))
    assert list(made.rising(19.0)) and not list(made.rising(21.0))
    made.clear()
    assert not list(made.rising(5.0))
