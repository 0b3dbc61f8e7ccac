"""Figures over time: full rate and by the minute, bounded, gaps kept."""

import itertools
import math

from hypothesis import given, strategies as st

from session.history import (
    FINE_ROWS,
    MAX_FIGURES,
    TRIM,
    History,
)


def test_thirty_minutes_at_full_rate_and_a_day_by_the_minute() -> None:
    history, start = History(), 1_000_000.0 - 1_000_000.0 % 60
    for second in range(26 * 3600):
        history.add(start + second, {"x": float(second // 60)})
    end = start + 26 * 3600
    assert FINE_ROWS <= len(history.fine.times) < FINE_ROWS + TRIM
    assert 1440 <= len(history.coarse.times) < 1440 + TRIM
    points = history.points("x", 0, end)
    assert all(before[0] < after[0] for before, after in itertools.pairwise(points))
    assert all(value == (at - start) // 60 for at, value in points)
    assert history.since is not None and end - history.since > 23.9 * 3600
    assert history.current("x") == 26 * 60 - 1


def test_a_gap_stays_a_gap_and_what_did_not_move_is_0() -> None:
    history = History()
    history.add(1.0, {})
    history.add(2.0, {"x": 5.0})
    history.add(3.0, {}, gap=True)
    history.add(4.0, {"x": math.nan})
    history.add(5.0, {})
    assert [value for _, value in history.points("x", 0, 9)] == [0.0, 5.0, None, None, 0.0]
    assert (history.current("x"), history.maximum("x", 900)) == (0.0, 5.0)
    assert [value for _, value in history.points("never heard of", 0, 9)] == [
        0.0,
        0.0,
        None,
        0.0,
        0.0,
    ]


@given(
    st.lists(
        st.tuples(
            st.floats(0, 300),
            st.dictionaries(st.sampled_from("abc"), st.floats(0, 1e12)),
            st.booleans(),
        ),
        max_size=60,
    )
)
def test_columns_stay_equally_long(rows: list[tuple[float, dict[str, float], bool]]) -> None:
    history, at = History(), 0.0
    for ahead, values, gap in rows:
        at += ahead
        history.add(at, {} if gap else values, gap)
    for table in (history.fine, history.coarse):
        assert all(len(column) == len(table.times) for column in table.columns.values())
    for name in history.names():
        assert all(value is None or value >= 0 for _, value in history.points(name, 0, at))


def test_any_number_of_names_is_bounded() -> None:
    history = History()
    for number in range(3 * MAX_FIGURES):
        history.add(float(number), {f"peer {number} open": 1.0})
    assert len(history.fine.columns) <= MAX_FIGURES


def test_names_that_left_make_room_for_new_ones() -> None:
    history = History()
    for number in range(MAX_FIGURES):
        history.add(float(number), {f"old {number}": 1.0})
    for number in range(2 * FINE_ROWS):
        history.add(10_000.0 + number, {})
    history.add(99_999.0, {"new": 7.0})
    assert history.current("new") == 7.0
