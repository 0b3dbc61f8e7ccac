"""Deltas, rates and shares: a reset, a wrap, another namespace or a silence is a gap, never a figure."""

import pytest
from hypothesis import given, strategies as st

from collectors.events import CounterSample
from collectors.kernel.deltas import SampleDelta, Share, between, over
from tests.support.samples import sample


def test_a_rate_comes_from_the_samples_own_clock() -> None:
    change = between(sample(10.0, TcpRetransSegs=5), sample(12.0, TcpRetransSegs=15))
    assert change.rate("TcpRetransSegs") == 5.0


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (sample(10, TcpRetransSegs=5), sample(9, TcpRetransSegs=6)),  # reboot: the clock fell
        (sample(10, TcpRetransSegs=5), sample(11, "m", TcpRetransSegs=6)),  # another namespace
        (sample(10, TcpRetransSegs=5), sample(30, TcpRetransSegs=6)),  # a long silence
        (sample(10, TcpRetransSegs=5), sample(11, TcpRetransSegs=4)),  # the counter was reset
        (sample(10, TcpRetransSegs=5), sample(10, TcpRetransSegs=9)),  # no time has passed
    ],
)
def test_what_cannot_be_known_is_a_gap(before: CounterSample, after: CounterSample) -> None:
    assert between(before, after).rate("TcpRetransSegs") is None


@given(st.integers(0, 2**64), st.integers(0, 2**64), st.floats(0.1, 4.9))
def test_a_rate_is_never_negative(first: int, second: int, seconds: float) -> None:
    rate = between(sample(1.0, TcpInSegs=first), sample(1.0 + seconds, TcpInSegs=second)).rate(
        "TcpInSegs"
    )
    assert rate is None or rate >= 0


def test_the_share_is_of_data_sent() -> None:
    change = between(
        sample(1, TcpRetransSegs=0, TcpExtTCPOrigDataSent=0),
        sample(2, TcpRetransSegs=5, TcpExtTCPOrigDataSent=100),
    )
    assert change.share("TcpRetransSegs", "TcpExtTCPOrigDataSent") == 5.0
    assert change.share("TcpRetransSegs", "Missing") is None


@given(st.integers(0, 2**64), st.integers(0, 2**64))
def test_a_share_is_never_over_100_percent(part: int, whole: int) -> None:
    percent = Share(part, whole).percent
    assert percent is None or 0 <= percent <= 100


def test_a_share_larger_than_its_whole_says_so() -> None:
    assert Share(274, 120).exceeds and Share(274, 120).percent == 100
    assert Share(0, 0).percent is None and not Share(0, 0).exceeds


def moves(samples: list[CounterSample], window_s: float = 15.0) -> SampleDelta:
    return over(samples, window_s)


def test_a_window_is_of_its_seconds_alone() -> None:
    change = moves([sample(float(second), TcpInSegs=10 * second) for second in range(30)])
    assert (change.seconds, change.deltas) == (15.0, {"TcpInSegs": 150})
    assert change.rate("TcpInSegs") == 10.0


@pytest.mark.parametrize(
    "broken",
    [
        sample(2, "m", TcpInSegs=30),  # another namespace
        sample(0.5, TcpInSegs=30),  # the clock fell
    ],
)
def test_a_window_begins_after_its_last_gap(broken: CounterSample) -> None:
    after = [sample(broken.clock + n, broken.netns, TcpInSegs=30 + n) for n in (1, 2)]
    change = moves([sample(0, TcpInSegs=10), sample(1, TcpInSegs=20), broken, *after])
    assert (change.seconds, change.deltas) == (2.0, {"TcpInSegs": 2})


def test_a_long_silence_cuts_a_window() -> None:
    change = moves([sample(0, TcpInSegs=0), sample(9, TcpInSegs=90), sample(10, TcpInSegs=91)])
    assert (change.seconds, change.deltas) == (1.0, {"TcpInSegs": 1})


def test_a_counter_reset_within_a_window_is_unknown_even_where_it_ends_higher() -> None:
    change = moves(
        [
            sample(1, TcpInSegs=5, TcpOutSegs=1),
            sample(2, TcpInSegs=0, TcpOutSegs=2),
            sample(3, TcpInSegs=9, TcpOutSegs=3),
        ]
    )
    assert change.deltas == {"TcpInSegs": None, "TcpOutSegs": 2}
    assert change.moving() == {"TcpOutSegs": 2}


def test_a_wrapped_counter_is_unknown() -> None:
    change = between(sample(1, conntrack_drop=2**32 - 1), sample(2, conntrack_drop=3))
    assert change.rate("conntrack_drop") is None


@pytest.mark.parametrize("samples", [[], [sample(1, TcpInSegs=1)]])
def test_fewer_than_two_samples_are_a_gap(samples: list[CounterSample]) -> None:
    assert moves(samples).gap and not moves(samples).deltas


def test_idle_cpus_stay_in_what_moves() -> None:
    change = between(
        sample(1, cpu_steal=4, TcpInSegs=1, conntrack_count=5),
        sample(2, cpu_steal=4, TcpInSegs=1, conntrack_count=6),
    )
    assert change.moving() == {"cpu_steal": 0}
