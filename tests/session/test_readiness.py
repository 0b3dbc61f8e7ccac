"""Readiness that changes; what a restart, a deletion or another pod of the name changes is none of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from collectors.events import InventoryChange, PodRow
from session.readiness import MOST_PODS, ReadinessHistory
from session.store import Store
from tests.support.snapshots import POD

UNREADY = replace(POD, ready="0/1")


def change(
    at: float, row: PodRow, verb: Literal["ADDED", "MODIFIED", "DELETED"] = "MODIFIED"
) -> InventoryChange:
    return InventoryChange(at, "cluster", verb, row)


def after(*changes: InventoryChange) -> list[tuple[str, int, float]]:
    store = Store()
    for one in (change(0.0, POD, "ADDED"), *changes):
        store.apply(one)
    flips = store.readiness.flips(changes[-1].at)
    return [(one.name, one.count, one.seconds) for one in flips]


def test_changes_are_counted_in_the_last_two_minutes() -> None:
    rows = [change(10.0 * n, UNREADY if n % 2 else POD) for n in range(1, 7)]
    assert after(*rows) == [("web-1", 6, 50.0)]
    assert after(*rows, change(150.0, POD)) == [("web-1", 4, 30.0)]
    assert after(*rows, change(300.0, POD)) == []


def test_when_a_pod_was_lost_last_is_kept() -> None:
    store = Store()
    for at, row in ((0.0, POD), (10.0, UNREADY), (20.0, POD), (30.0, UNREADY), (40.0, POD)):
        store.apply(change(at, row, "MODIFIED" if at else "ADDED"))
    assert [one.lost for one in store.readiness.flips(45.0)] == [30.0]


def test_an_update_of_something_else_is_no_change() -> None:
    assert after(*(change(10.0 * n, replace(POD, message=f"{n}")) for n in range(1, 7))) == []


def test_a_container_that_restarts_again_and_again_does_not_flap() -> None:
    rows = []
    for n in range(1, 6):
        rows.append(change(20.0 * n, replace(UNREADY, restarts=n - 1)))
        rows.append(change(20.0 * n + 1, replace(UNREADY, restarts=n)))
        rows.append(change(20.0 * n + 9, replace(POD, restarts=n)))
    assert after(*rows) == []


def test_another_pod_of_the_name_has_changes_of_its_own() -> None:
    other = replace(POD, uid="u9")
    rows = [change(1.0, UNREADY), change(2.0, POD), change(3.0, replace(other, ready="0/1"))]
    assert after(*rows, change(4.0, other)) == []
    assert after(*rows[:2], change(3.0, POD, "DELETED")) == []


def test_no_more_pods_are_remembered_than_that() -> None:
    history = ReadinessHistory()
    for name in (f"p{n}" for n in range(MOST_PODS + 10)):
        ready, unready = replace(POD, name=name), replace(UNREADY, name=name)
        history.add(change(1.0, unready), ready)
        history.add(change(1.0, ready), unready)
    assert len(list(history.flips(3.0))) == MOST_PODS
    history.add(change(300.0, unready), ready)
    history.add(change(301.0, ready), unready)
    assert len(list(history.flips(302.0))) == 1
