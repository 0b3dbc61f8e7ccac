"""What a capture lost lately."""

from __future__ import annotations

import pytest

from collectors.events import CaptureState
from session.capture_loss import CaptureLoss


def state(at: float, received: int, dropped: int, capture: int = 1) -> CaptureState:
    return CaptureState(
        at, "node/n1", capture, "running", "", received=received, dropped_kernel=dropped
    )


def percent(*states: CaptureState) -> float:
    loss = CaptureLoss()
    for one in states:
        loss.note(one)
    return loss.percent


def test_a_flood_that_is_over_is_forgotten() -> None:
    """600 of 1,000 were lost at first; 30 s later none of what is compared."""
    flood = [state(0, 0, 0), state(5, 400, 600)]
    later = [state(5 + 5 * n, 400 + 100 * n, 600) for n in range(1, 8)]
    assert percent(*flood) == pytest.approx(60)
    assert percent(*flood, *later[:4]) == pytest.approx(100 * 600 / 1_400)
    assert percent(*flood, *later) == 0


def test_counts_of_a_single_moment_are_of_all_before_it() -> None:
    assert percent() == 0
    assert percent(state(9, 900, 100)) == pytest.approx(10)


def test_another_capture_begins_again() -> None:
    assert percent(state(0, 0, 0), state(5, 10, 90), state(6, 0, 0, capture=2)) == 0
    assert percent(state(5, 100, 90), state(6, 50, 50)) == pytest.approx(50)


def test_never_more_than_all() -> None:
    assert percent(state(0, 0, 0), state(5, 0, 70)) == 100


def test_what_podwire_had_no_time_for_is_lost_as_well_and_forgotten_as_well() -> None:
    loss = CaptureLoss()
    loss.note_unread(4, 30)
    assert loss.percent == 100  # nothing is known of the rest
    loss.note(state(0, 0, 0))
    loss.note(state(5, 300, 0))
    assert loss.percent == pytest.approx(10)
    loss.note(state(35, 600, 0))
    assert loss.percent == 0
