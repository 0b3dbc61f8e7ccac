"""Points of a series to the columns of a graph, and those to its rows."""

from typing import Any

import pytest

from tui.widgets.graph_plot import AXIS, GraphData, GraphLine, Plot, columns


def test_a_stretched_graph_shows_the_largest_of_each_dot() -> None:
    points = [(float(second), 1.0 if second != 42 else 9.0) for second in range(100)]
    assert columns(points, 99.0, 10, span=10.0) == [
        1.0,
        1.0,
        1.0,
        1.0,
        9.0,
        1.0,
        1.0,
        1.0,
        1.0,
        1.0,
    ]
    gap = [*points[:30], (30.0, None), *points[60:]]
    values = columns(gap, 99.0, 10, span=10.0)
    assert values[3:5] == [None, None] and values[7] == 1.0


def drawn(values: list[float | None], cells: int = 40, height: int = 6, **more: Any) -> list[str]:
    """A graph of so many values, the last of them now, and its time axis."""
    now = 1000.0
    points = tuple((now - len(values) + 1 + place, value) for place, value in enumerate(values))
    line = GraphLine("n", points, "first")
    plot = Plot(GraphData("t", "pkt/s", "s", lines=(line,), now=now, **more), cells)
    rows = ["".join(text for text, _ in row) for row in plot.rows(height)]
    return [*rows, "".join(text for text, _ in plot.times())]


def ink(row: str) -> list[int]:
    """The cells of a row that have dots."""
    return [cell for cell, letter in enumerate(row[AXIS:]) if "\u2800" < letter <= "\u28ff"]


def test_a_young_graph_begins_at_the_left_edge_and_grows() -> None:
    young, older = drawn([5.0] * 10), drawn([5.0] * 30)
    assert ink(young[-2]) == list(range(5)) and ink(older[-2]) == list(range(15))
    assert young[-1][AXIS:].startswith("-10 s─now┈") and len(young[-1]) == AXIS + 40
    assert older[-1][AXIS:].startswith("-30 s───────now┈")


def test_a_graph_that_is_as_old_as_it_is_wide_ends_at_the_right_edge() -> None:
    full = drawn([5.0] * 200)
    assert ink(full[-2]) == list(range(40))
    assert full[-1].endswith("─now") and "┈" not in full[-1]


def test_after_the_present_of_a_young_graph_there_is_no_gap() -> None:
    assert not any("┊" in row for row in drawn([5.0] * 10))
    assert any("┊" in row for row in drawn([5.0] * 10 + [None] * 10 + [5.0] * 10))


@pytest.mark.parametrize("value", [0.3, 1.0, 7.0, 21.0, 130.0, 4_956.0])
def test_a_steady_value_uses_the_height(value: float) -> None:
    rows = drawn([value] * 200, height=12)[:-1]
    assert sum(bool(ink(row)) for row in rows) >= 8


def test_no_value_but_0_is_said() -> None:
    rows = drawn([0.0] * 20)
    assert any(" 0 pkt/s for 20 s " in row for row in rows)
    assert rows[0].strip() == "▕", "an axis of a scale that nothing reaches"
    assert any("0 pkt/s where it is known" in row for row in drawn([0.0, *[None] * 9, 0.0]))
    assert not any("0 pkt/s" in row for row in drawn([0.0, 1.0]))


def test_a_threshold_is_said_where_it_is_not_in_view() -> None:
    limits = ((196_608.0, "75 %"), (235_930.0, "90 %"))
    assert "↑ 75 % is 196,608 pkt/s" in drawn([4_000.0] * 20, limits=limits)[0]
    near = drawn([190_000.0] * 20, limits=limits, height=12)
    assert not any("↑" in row for row in near)
    assert any(" 75 % " in row for row in near) and any(" 90 % ╌" in row for row in near)


def test_no_text_is_written_over_a_line() -> None:
    text = "warning from 1 % of data"
    assert drawn([9.9] * 20, rule=text)[0].endswith(f"{text} "), "left of it there is a line"
    assert text not in drawn([9.9] * 200, rule=text)[0]
    assert text in drawn([0.0] * 200, rule=text)[0]
