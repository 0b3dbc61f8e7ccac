"""Objects as they were at a time: the same as after every change on the path there."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from collectors import events as ev
from session.recorded_inventory import RecordedInventory
from session.store import Store
from tests.support.snapshots import NODE, POD

BEGAN, SECONDS = 1_800_000_000.0, 2_400
PODS = 12


def pod(number: int, **more: Any) -> ev.PodRow:
    changed: dict[str, Any] = {"name": f"web-{number}", "ip": f"10.1.0.{number}", **more}
    return replace(POD, **changed)


def changes(seed: int) -> Iterator[ev.Event]:
    """Pods that restart, flap, are deleted and come again, lists in between, and a refused one."""
    rnd = random.Random(seed)
    yield ev.InventoryList(BEGAN, "", "pods", tuple(pod(n) for n in range(PODS)))
    yield ev.InventoryList(BEGAN, "", "nodes", (NODE,))
    yield ev.InventoryList(BEGAN, "", "secrets", (), refused="forbidden")
    for second in range(1, SECONDS, 3):
        at, number = BEGAN + second, rnd.randrange(PODS)
        kind = rnd.random()
        if kind < 0.01:
            some = tuple(pod(n, restarts=second) for n in range(PODS) if rnd.random() < 0.7)
            yield ev.InventoryList(at, "", "pods", some, namespace=rnd.choice(("", "shop")))
        elif kind < 0.15:
            yield ev.InventoryChange(at, "", "DELETED", pod(number))
        elif kind < 0.2:
            yield ev.InventoryChange(at, "", "MODIFIED", replace(NODE, ready=rnd.random() < 0.5))
        elif kind < 0.25:
            yield ev.TargetState(at, "pod/shop/web-1", rnd.choice(("gap", "live")))
        else:
            ready, restarts = rnd.choice(("1/1", "0/1")), second // 200
            row = pod(number, ready=ready, restarts=restarts, uid=f"u{second // 700}")
            yield ev.InventoryChange(at, "", "MODIFIED", row)


@pytest.mark.parametrize("seed", range(6))
def test_it_is_what_every_change_gives(seed: int) -> None:
    events = [(float(number), event) for number, event in enumerate(changes(seed))]
    recorded, rnd = RecordedInventory(events), random.Random(seed)
    folded = 0
    for at in (BEGAN, BEGAN + SECONDS, *(BEGAN + rnd.uniform(0, SECONDS) for _ in range(6))):
        until = [one for one in events if one[1].at <= at]
        wanted, restored = Store(), Store()
        wanted.apply_all(event for _, event in until)
        recorded.restore(restored, until, at)
        folded += wanted.revision - restored.revision
        assert restored.timeline.entries == wanted.timeline.entries
        assert {kind: rows.rows() for kind, rows in restored.inventory.items()} == {
            kind: rows.rows() for kind, rows in wanted.inventory.items()
        }
        assert restored.refused == wanted.refused
        assert list(restored.readiness.flips(at)) == list(wanted.readiness.flips(at))
        assert list(restored.log) == list(wanted.log)
        owned = {row.ip for row in wanted.pods()}
        assert {ip: restored.book.names[ip] for ip in owned} == {
            ip: wanted.book.names[ip] for ip in owned
        }
    assert folded > 0, "some were passed over"


def test_what_comes_after_is_compared_with_the_latest() -> None:
    """The change after the restored ones is compared with the latest state."""
    events: list[tuple[float, ev.Event]] = [
        (0.0, ev.InventoryList(BEGAN, "", "pods", (pod(1),))),
        *(
            (n, ev.InventoryChange(BEGAN + n, "", "MODIFIED", pod(1, restarts=int(n))))
            for n in map(float, range(1, 900))
        ),
    ]
    store = Store()
    RecordedInventory(events).restore(store, events, BEGAN + 900)
    before = len(store.timeline.entries)
    store.apply(ev.InventoryChange(BEGAN + 900, "", "MODIFIED", pod(1, restarts=899)))
    assert len(store.timeline.entries) == before, "it is as it was"
    store.apply(ev.InventoryChange(BEGAN + 901, "", "MODIFIED", pod(1, restarts=900)))
    *_, last = store.timeline.entries
    assert len(store.timeline.entries) == before + 1 and last.kind == "restart"
