"""What a row of the cluster's list shows of a pod over time."""

from __future__ import annotations

from dataclasses import replace

from collectors import events as ev
from session.store import Store
from tests.support.snapshots import API, POD
from tui.pod_sparklines import PodSparklines
from tui.sparkline import BARS

NOW = 10_000.0


def store_of(*rows: ev.PodRow) -> Store:
    store = Store()
    store.apply(ev.InventoryList(NOW - 900, "", "pods", rows))
    return store


def test_restarts_while_the_console_ran_have_bars() -> None:
    store = store_of(POD, API)
    again = replace(POD, restarts=2)
    store.apply(ev.InventoryChange(NOW - 10, "", "MODIFIED", again))
    cells = PodSparklines(store, lambda: NOW)
    assert cells.restarts(again) == (f"{BARS[0] * 7}{BARS[-1]} 2", "warn")
    assert cells.restarts(API) == ("0", "dim")
    later = PodSparklines(store, lambda: NOW + 7_200)
    assert later.restarts(again) == ("2", "warn"), "no bar of what is long ago"


def test_retransmissions_are_shown_of_pods_that_are_watched() -> None:
    store = store_of(POD, API)
    cells = PodSparklines(store, lambda: NOW)
    assert not cells.has_watched
    history = store.target(f"pod/{POD.namespace}/{POD.name}").history
    for at in range(30):
        history.add(NOW - 29 + at, {"=retransmits": 3.0} if at > 20 else {})
    assert cells.has_watched
    assert cells.retransmits(POD) == (f"{' ' * 6}{BARS[0]}{BARS[-1]} 3.0", "warn")
    assert cells.retransmits(API) == ("", "")
