"""A graph in one line of a list."""

from tui.sparkline import BARS, CELLS, count_of_each, most_of_each, sparkline


def test_what_is_not_0_is_visible_and_what_is_not_known_is_blank() -> None:
    assert sparkline([None, 0.0, 0.1, 100.0]) == f" {BARS[0]}{BARS[1]}{BARS[-1]}"
    assert sparkline([0.0, 0.0]) == BARS[0] * 2
    assert sparkline([]) == ""


def test_each_bar_is_the_largest_of_its_span() -> None:
    points = [(100.0, 1.0), (99.0, 3.0), (70.0, 9.0), (60.0, None), (10.0, 5.0)]
    bars = most_of_each(points, 100.0, 15.0)
    assert len(bars) == CELLS and bars[-1] == 3.0 and bars[-3] == 9.0
    assert bars[-2] is None and bars[-7] == 5.0


def test_what_is_older_or_to_come_is_not_counted() -> None:
    assert count_of_each([100.0, 99.0, 80.0, 0.0, 101.0], 100.0, 10.0) == [0] * 5 + [1, 0, 2]
