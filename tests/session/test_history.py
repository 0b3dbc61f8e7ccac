"""Figures over time: full rate and by the minute, bounded, gaps kept."""

import copy
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


def test_nothing_is_known_before_the_first_row() -> None:
    """A session that begins late in a minute: the mean of that minute is no value before it."""
    history, began = History(), 1_000_000_000.0 - 1_000_000_000.0 % 60 + 51
    for second in range(150):
        history.add(began + second, {"x": 5.0} if second else {}, gap=second == 0)
    assert history.since == began
    points = history.points("x", 0, began + 150)
    assert points[0] == (began, None) and len(points) == 150
    for second in range(150, FINE_ROWS + 200):
        history.add(began + second, {"x": 5.0})
    assert history.since == began, "by the minute, when the rows are gone"


def test_a_history_of_rows_is_as_if_they_had_been_fed() -> None:
    """What a colleague's console has who joined late: the minutes stay when the rows go."""
    fed, began = History(), 1_000_000_000.0 - 1_000_000_000.0 % 60 + 51
    for second in range(400):
        values = {"x": float(second), **({"y": math.nan} if second % 7 else {})}
        fed.add(began + second, {} if second == 200 else values, gap=second == 200)
    made = History.of(copy.deepcopy(fed.fine))
    for second in range(400, FINE_ROWS + 500):
        for one in (fed, made):
            one.add(began + second, {"x": float(second)})
    assert made.since == fed.since == began
    for name in ("x", "y"):
        known, again = (one.points(name, 0, began + 9_999) for one in (fed, made))
        assert repr(known) == repr(again)


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
