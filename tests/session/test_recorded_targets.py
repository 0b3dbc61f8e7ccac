"""Which targets were open in a recorded session, and the node of each pod."""

from __future__ import annotations

from dataclasses import replace

from collectors import events as ev
from session.recorded_targets import node_beside, recorded_tabs
from session.targets import OpenTab
from tests.support.replay import replayed
from tests.support.snapshots import API, POD

AT = 1.7e9


def opened(*keys: str) -> list[ev.Event]:
    return [ev.TargetState(AT, key, "live") for key in keys]


PODS = ev.InventoryList(AT, "", "pods", (POD, API))


def test_pods_in_the_order_of_opening_and_nodes_after_them() -> None:
    events = [PODS, *opened("cluster", "node/n2", "pod/shop/api-1", "pod/shop/web-1")]
    assert recorded_tabs(events) == [
        OpenTab("pod/shop/api-1", "node/n2"),
        OpenTab("pod/shop/web-1"),
        OpenTab("node/n2"),
    ]


def test_a_pod_that_came_later_has_its_node_too() -> None:
    late = replace(API, name="api-9")
    events = [*opened("pod/shop/api-9", "node/n2"), ev.InventoryChange(AT, "", "ADDED", late)]
    assert recorded_tabs(events)[0] == OpenTab("pod/shop/api-9", "node/n2")


def test_the_node_beside_is_the_pods_own_or_none() -> None:
    store, _ = replayed([PODS, *opened("node/n1", "pod/shop/api-1")])
    assert node_beside(store, "pod/shop/api-1") == ""
    store.apply_all(opened("node/n2"))
    assert node_beside(store, "pod/shop/api-1") == "node/n2"
    assert node_beside(store, "node/n1") == ""
