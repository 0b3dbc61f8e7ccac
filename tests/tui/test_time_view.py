"""The stretch of time that graphs show."""

from tui.time_view import SPANS, TimeView


def test_back_in_time_and_on_again() -> None:
    view = TimeView(now=10_000.0)
    view.move(-1, oldest=0.0)
    assert view.until == 9_940.0 and not view.edge["live"]
    view.stretch(2)
    assert view.span == SPANS[2]
    for _ in range(50):
        view.move(-1, oldest=0.0)
    assert view.until == 60 * SPANS[2], "not before what is known"
    for _ in range(50):
        view.move(1, oldest=0.0)
    assert view.until is None and view.right == 10_000.0
    view.hold(True)
    view.now = 10_100.0
    assert view.right == 10_000.0
