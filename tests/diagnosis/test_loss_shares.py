"""Wilson's bound, and shares by kind."""

from __future__ import annotations

import pytest

from diagnosis.loss_shares import LossShare, kind_shares
from diagnosis.paths import Segments


@pytest.mark.parametrize(
    ("lost", "total", "low", "high"),
    [(123, 356, 29.8, 39.6), (0, 100, 0.0, 3.7), (5, 5, 56.6, 100.0), (0, 0, 0.0, 100.0)],
)
def test_bounds_are_those_of_the_tables(lost: int, total: int, low: float, high: float) -> None:
    share = LossShare(lost, total)
    assert (share.low, share.high) == pytest.approx((low, high), abs=0.1)
    assert share.low <= share.percent <= share.high or not total


def test_few_packets_are_no_loss() -> None:
    assert not LossShare(4, 4).is_loss and LossShare(5, 5).is_loss
    assert not LossShare(5, 5_000).is_loss


def test_split_segments_are_judged_by_their_bytes() -> None:
    before = Segments(large=10, bytes=28_000)
    whole = Segments(large=20, bytes=28_000)
    part = Segments(large=10, bytes=14_000)
    assert [kind.share.lost for kind in kind_shares(before, whole, to_server=True)] == [0, 0]
    lost = [(kind.name, kind.share) for kind in kind_shares(before, part, to_server=False)]
    assert lost[-1] == ("segments of 1,000 bytes and more", LossShare(0, 10)) or lost[-1][1].lost
