"""Times as they are typed, within a recording (TZ is UTC in tests)."""

from __future__ import annotations

import pytest

from collectors.errors import ConfigError
from session.replay_time import time_within

BEGAN = 1_700_000_000.0  # 2023-11-14 22:13:20
ENDED = BEGAN + 3 * 3600  # 01:13:20 of the next day


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("22:14", 40),
        ("22:13", 0),  # the minute in which it begins
        ("22:13:20", 0),
        ("23:03:20", 3000),
        ("22:13:21.25", 1.25),  # as packets are listed
        ("22:14Z", 40),  # as reports have it
        ("00:13:20 UTC", 7200),
        ("00:13:20", 7200),  # of the next day
        ("0:13:20", 7200),
        ("2023-11-14T22:13:30", 10),
        ("2023-11-14T22:13:30Z", 10),
        ("2023-11-14 23:13:30+01:00", 10),
        ("+90", 190),
        ("-1m", 40),
        ("-2h", 0),
        ("+9h", 3 * 3600),
    ],
)
def test_a_time_of_the_recording(text: str, seconds: float) -> None:
    assert time_within(text, BEGAN, ENDED, BEGAN + 100) == BEGAN + seconds


@pytest.mark.parametrize(("day", "wanted"), [(0, 0), (1, 1), (2, 2)])
def test_a_time_that_comes_on_each_day_is_that_of_the_day_one_is_at(day: int, wanted: int) -> None:
    days = 86_400.0
    now = BEGAN + 3600 + day * days
    found = time_within("23:00", BEGAN, BEGAN + 3 * days, now)
    assert found == BEGAN + 2800 + wanted * days
    assert time_within("23:00", BEGAN, BEGAN + 3 * days) == BEGAN + 2800


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("21:00", "21:00 is not within the recording, which is from 2023-11-14 22:13:20 to 2023"),
        ("2024-01-01T00:00", "is not within the recording"),
        ("25:00", "'25:00' is not a time"),
        ("14:0٣", "is not a time"),
        ("14:03:20.", "is not a time"),
        ("14:61", "is not a time"),
        ("noon", "'noon' is not a time: 14:03, 14:03:20"),
        ("\x1b[31m", "is not a time"),
        ("9999999-01-01", "is not a time"),
    ],
)
def test_what_is_none(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        time_within(text, BEGAN, ENDED)
    assert said in str(refused.value) and "\x1b" not in str(refused.value)
