"""Points of a series to the columns of a graph."""

from tui.widgets.graph_plot import columns


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
    drawn = columns(gap, 99.0, 10, span=10.0)
    assert drawn[3:5] == [None, None] and drawn[7] == 1.0
