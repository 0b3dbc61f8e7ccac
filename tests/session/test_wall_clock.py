"""Times of day, with their date where it is another day than that of whoever looks (TZ is UTC)."""

from __future__ import annotations

import pytest

from session.wall_clock import same_day, wall_clock, wall_date

NOON = 1_795_780_800.0  # 2026-11-27 12:00:00
DAY = 86_400.0


@pytest.mark.parametrize(
    ("at", "beside", "text"),
    [
        (NOON, 0.0, "12:00:00"),
        (NOON, NOON + DAY / 2 - 1, "12:00:00"),
        (NOON, NOON + DAY / 2, "11-27 12:00:00"),
        (NOON + DAY / 2, NOON, "11-28 00:00:00"),
        (NOON, NOON + 365 * DAY, "2026-11-27 12:00:00"),
    ],
)
def test_the_date_is_there_where_it_is_another_day(at: float, beside: float, text: str) -> None:
    assert wall_clock(at, beside=beside) == text
    assert same_day(at, beside or at) == (text == "12:00:00")


def test_a_fraction_and_a_date() -> None:
    assert wall_clock(NOON + 0.25, 3, NOON + DAY) == "11-27 12:00:00.250"
    assert wall_date(NOON) == "2026-11-27"
