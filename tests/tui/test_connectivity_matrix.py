"""The connectivity matrix on screen, and the path between two rows with what was observed of it."""

from __future__ import annotations

import json

from collectors import events as ev
from session.path_text import cluster_of, path_report
from tests.support.replay import console, replayed
from tui.screens.connectivity_matrix import MatrixScreen, rows_of, unseen_in

SPEC = {
    "podSelector": {"matchLabels": {"app": "api"}},
    "ingress": [
        {"from": [{"podSelector": {"matchLabels": {"app": "web"}}}], "ports": [{"port": 8080}]}
    ],
}


def pod(app: str, ip: str, *ports: int) -> ev.PodRow:
    declared = tuple(ev.ContainerPort("", number, "TCP") for number in ports)
    return ev.PodRow(
        "shop",
        f"{app}-1",
        app,
        "n1",
        ip,
        "Running",
        "1/1",
        0,
        0.0,
        labels=(("app", app),),
        workload=f"Deployment/{app}",
        ports=declared,
    )


PODS = (pod("api", "10.0.0.2", 8080, 9090), pod("job", "10.0.0.3"), pod("web", "10.0.0.1", 80))
SERVICE = ev.ServiceRow(
    "shop",
    "api",
    ("10.96.0.2",),
    ("80/TCP",),
    "ClusterIP",
    (("app", "api"),),
    (ev.ServicePort("", 80, "TCP", "8080"),),
)
EVENTS: list[ev.Event] = [
    ev.SessionStart(1.7e9, "", "prod", "alice", "shop", "v1.36"),
    ev.InventoryList(1.7e9, "", "pods", PODS),
    ev.InventoryList(1.7e9, "", "services", (SERVICE,)),
    ev.InventoryList(1.7e9, "", "namespaces", (ev.NamespaceRow("shop"),)),
    ev.InventoryList(1.7e9, "", "nodes", ()),
    ev.InventoryList(1.7e9, "", "endpointslices", ()),
    ev.InventoryList(
        1.7e9, "", "networkpolicies", (ev.PolicyRow("shop", "api", json.dumps(SPEC)),)
    ),
]


def test_all_some_and_none() -> None:
    store, _ = replayed(EVENTS)
    table = {row.name: words for row, words in rows_of(cluster_of(store), "shop")}
    assert table == {
        "api-1": ["self", "all", "all"],
        "job-1": ["none", "self", "all"],
        "web-1": ["some", "all", "self"],
    }


def test_the_path_between_two() -> None:
    store, _ = replayed(EVENTS)
    title, text = path_report(store, PODS[2], SERVICE)
    assert (
        title == "shop/web-1 → shop/api"
        and "port 80/TCP: allowed" in text
        and "rule 0 of shop/api allows it" in text
    )
    _, text = path_report(store, PODS[1], SERVICE)
    assert "port 80/TCP: not allowed" in text and "shop/api isolates shop/api-1" in text


async def test_the_matrix_on_screen() -> None:
    app = console(EVENTS, "")
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause(0.8)
        await pilot.press("M")
        await pilot.pause(1.2)
        assert isinstance(app.screen, MatrixScreen)
        await pilot.press("enter")
        await pilot.pause(0.3)
        assert "Paths from" in app.screen.heading  # type: ignore[attr-defined]
        await pilot.press("escape", "escape")
        await pilot.pause(0.3)
        await pilot.press("b", "j", "b")
        await pilot.pause(0.3)
        assert "api-1 → shop/job-1" in app.screen.heading  # type: ignore[attr-defined]


REFUSED = ev.InventoryList(1.7e9, "", "networkpolicies", (), refused="forbidden")


def test_policies_that_were_not_read_are_no_tick() -> None:
    store, _ = replayed([*EVENTS[:-1], REFUSED])
    cluster = cluster_of(store)
    words = {word for _, row in rows_of(cluster, "shop") for word in row}
    assert words == {"unknown", "self"}
    assert unseen_in(cluster) == "not seen: networkpolicies"
    whole, _ = replayed(EVENTS)
    assert unseen_in(cluster_of(whole)) == ""
