"""What rules share is worked out once for a snapshot, and again for another."""

from __future__ import annotations

from dataclasses import replace

from diagnosis.per_snapshot import once_per_snapshot
from diagnosis.snapshot import Snapshot


def test_once_for_a_snapshot_and_again_for_another() -> None:
    asked: list[float] = []

    @once_per_snapshot
    def doubled(snapshot: Snapshot) -> float:
        asked.append(snapshot.at)
        return 2 * snapshot.at

    first = Snapshot(at=1.0)
    assert [doubled(first), doubled(first)] == [2.0, 2.0]
    assert doubled(replace(first, at=3.0)) == 6.0
    assert asked == [1.0, 3.0]


def test_two_figures_are_kept_apart() -> None:
    names = once_per_snapshot(lambda snapshot: "name")
    times = once_per_snapshot(lambda snapshot: snapshot.at)
    moment = Snapshot(at=5.0)
    assert (names(moment), times(moment), names(moment)) == ("name", 5.0, "name")
