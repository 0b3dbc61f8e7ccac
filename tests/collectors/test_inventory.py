"""The inventory: what it makes of odd objects, of a server that is busy, of lists that expire; and the address book."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from collectors import events as ev
from collectors.backoff import Backoff
from collectors.cluster.api import rest
from collectors.cluster.api.connection import Cluster
from collectors.cluster.inventory import address_book, list_health, row_builders
from collectors.cluster.inventory.address_book import AddressBook
from collectors.cluster.inventory.inventory import Inventory
from collectors.cluster.inventory.row_builders import KINDS, built
from collectors.list_coverage import LISTS
from collectors.stream import Stream
from lab.supervisor import Lab
from session.store import Store
from tests.support.lab_client import client_of


def pod(name: str, ip: str, node: str = "node1", **more: object) -> ev.PodRow:
    return ev.PodRow("shop", name, name, node, ip, "Running", "1/1", 0, 0.0, **more)  # type: ignore[arg-type]


# --- rows


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"metadata": None},
        {"metadata": {"name": 7}, "spec": [], "status": "x"},
        None,
        3,
        "x",
        [],
        {
            "metadata": {},
            "spec": {"ports": [None], "clusterIPs": 5},
            "endpoints": [1],
            "status": {"addresses": 1},
        },
    ],
    ids=repr,
)
def test_an_odd_object_does_not_end_the_list(kind: str, odd: object) -> None:
    good = {"metadata": {"name": "good", "namespace": "shop"}, "spec": {}, "status": {}}
    rows, _ = built(kind, [good, odd, good])  # type: ignore[list-item]
    assert [row.name for row in rows if row.name == "good"] == ["good", "good"]


def test_a_pod_is_named_after_its_workload() -> None:
    def of(
        kind: str, name: str, labels: dict[str, str] | None = None, controller: bool = True
    ) -> str:
        owner = {"kind": kind, "name": name, "controller": controller}
        return row_builders.workload({"ownerReferences": [owner], "labels": labels or {}})

    assert (
        of("ReplicaSet", "web-5c689d88bb", {"pod-template-hash": "5c689d88bb"}) == "Deployment/web"
    )
    assert of("ReplicaSet", "lone") == "ReplicaSet/lone"
    assert of("StatefulSet", "db") == "StatefulSet/db" and of("Job", "x", controller=False) == ""


# --- the address book


def test_addresses_are_distinguished_and_kept_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    book, now = AddressBook(), [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    web, db = (
        pod("web-5c689d88bb-abcde", "10.0.0.1", ips=("10.0.0.1", "fd00::1")),
        pod("db-0", "10.0.0.2", "node2"),
    )
    nodes = (ev.NodeRow("node1", "192.168.0.1", "zone-a", True, "linux", "amd64"),)
    service = ev.ServiceRow("shop", "web", ("10.96.0.1",), ("80/TCP",), "ClusterIP")
    points = ev.SliceRow("shop", "web-x", "web", ("10.0.0.1",), ("10.0.0.9",))
    for kind, rows in (
        ("pods", (web, db)),
        ("nodes", nodes),
        ("services", (service,)),
        ("endpointslices", (points,)),
    ):
        book.apply(ev.InventoryList(0, "", kind, rows))
    assert book.names["fd00::1"] == web.name and book.short["10.0.0.1"] == "web…abcde"
    assert book.both["10.96.0.1"] == "svc/web(10.96.0.1)" and book.names.get("10.9.9.9", "?") == "?"
    assert (book.node("10.0.0.1"), book.zone("10.0.0.1"), book.zone("192.168.0.1")) == (
        "node1",
        "zone-a",
        "zone-a",
    )
    assert book.services("10.0.0.1") == ["shop/web"] and book.services("10.0.0.2") == []
    assert book.owner("10.0.0.2") is db and book.zone("10.0.0.2") == ""
    book.apply(ev.InventoryChange(0, "", "DELETED", db))
    now[0] += address_book.KEEP_S - 1
    book.apply(ev.InventoryChange(0, "", "MODIFIED", web))
    assert book.names["10.0.0.2"] == "db-0", "a packet may still show it"
    book.apply(ev.InventoryList(0, "", "pods", ()))
    now[0] += 2
    book.apply(ev.InventoryChange(0, "", "ADDED", pod("new", "10.0.0.7")))
    assert "10.0.0.2" not in book.names and "10.0.0.1" in book.names, (
        "gone from a list, like one that was deleted"
    )
    now[0] += address_book.KEEP_S
    book.apply(ev.InventoryChange(0, "", "ADDED", pod("late", "10.0.0.8")))
    assert "10.0.0.1" not in book.names and book.names["10.0.0.7"] == "new"
    book.apply(ev.InventoryChange(0, "", "DELETED", points))
    assert book.services("10.0.0.1") == []


def test_an_address_that_is_used_again_is_the_new_owners() -> None:
    book, old, new = AddressBook(), pod("old", "10.0.0.1"), pod("new", "10.0.0.1")
    for verb, row in (("ADDED", old), ("ADDED", new), ("DELETED", old)):
        book.apply(ev.InventoryChange(0, "", verb, row))  # type: ignore[arg-type]
    assert book.owner("10.0.0.1") is new and not book._gone


# --- against a server


def test_waits_grow_and_keep_what_was_asked_for() -> None:
    backoff = Backoff(0.5, 4.0)
    waits = [backoff.next() for _ in range(6)]
    assert all(
        low <= wait <= low * 1.2 for wait, low in zip(waits, (0.5, 1, 2, 4, 4, 4), strict=True)
    )
    assert backoff.next(30.0) >= 30.0
    backoff.reset()
    assert backoff.next() <= 0.6


class Followed:
    def __init__(self, session: Stream) -> None:
        self.store = Store()
        self.lists: list[str] = []
        self._stream = session.subscribe(100_000)

    async def follow(self) -> None:
        async for batch in self._stream.batches():
            for event in batch:
                self.store.apply(event)
                if isinstance(event, ev.InventoryList):
                    self.lists.append(event.kind)

    async def until(self, ready: Callable[[], object], seconds: float = 15.0) -> None:
        deadline = time.monotonic() + seconds
        while not ready():
            assert time.monotonic() < deadline, [x.text for x in self.store.log]
            await asyncio.sleep(0.05)

    def phase(self) -> str:
        return self.store.target(LISTS).phase


@asynccontextmanager
async def followed(cluster: Cluster) -> AsyncIterator[Followed]:
    session = Stream()
    seen = Followed(session)
    tasks = [
        asyncio.create_task(seen.follow()),
        asyncio.create_task(Inventory(cluster, session).run()),
    ]
    try:
        await seen.until(lambda: set(seen.lists) == {*KINDS, "foreignpolicies", "cuttingpolicies"})
        yield seen
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_an_expired_watch_is_listed_again_without_a_word(lab: Lab, cluster: Cluster) -> None:
    """It stalls while the cluster changes, and the server forgets what it has not seen."""
    async with followed(cluster) as seen, client_of(lab) as client:
        await asyncio.sleep(0.5)  # the watches are open
        await client.hook(do="freeze", match="/pods$")
        for number in range(2):
            body = {
                "metadata": {"name": f"gone-{number}"},
                "spec": {"containers": [{"name": "c", "image": "busybox"}]},
            }
            assert (await client.call("POST", "/api/v1/namespaces/default/pods", body))[0] == 201
            await client.call(
                "DELETE", f"/api/v1/namespaces/default/pods/gone-{number}?gracePeriodSeconds=0"
            )
        await client.hook(do="expire")
        seen.lists.clear()
        await client.hook(do="thaw", match="")
        await seen.until(lambda: "pods" in seen.lists)
        assert [x for x in seen.store.log if x.kind == "gap"] == []


async def test_a_busy_server_is_left_alone_for_as_long_as_it_asks(
    lab: Lab, cluster: Cluster
) -> None:
    async with followed(cluster) as seen, client_of(lab) as client:
        await client.hook(
            do="rule", match="/pods$", method="GET", code=429, times=1, headers={"Retry-After": "2"}
        )
        began = time.monotonic()
        await client.hook(do="cut", match="/pods$")
        await seen.until(lambda: seen.phase() == "gap")
        await seen.until(lambda: seen.phase() == "live")
        assert time.monotonic() - began > 2
        assert len([x for x in seen.store.log if x.kind == "gap"]) == 1, "one message a fault"


async def test_a_server_that_hangs_is_noticed_by_its_pulse(
    lab: Lab, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Watches stay open and silent, as they are in a calm cluster; a question is not answered."""
    monkeypatch.setattr(list_health, "HEARTBEAT_S", 1.0)
    async with followed(cluster) as seen, client_of(lab) as client:
        await client.hook(do="rule", match="^/version$", delay_s=30, times=2)
        began = time.monotonic()
        await seen.until(lambda: seen.phase() == "gap")
        assert time.monotonic() - began < 2 * 1.0 + 1.5
        assert "has not answered for 1 s" in seen.store.target(LISTS).message
        await client.hook(do="clear")
        await seen.until(lambda: seen.phase() == "live")


async def test_a_watch_that_falls_silent_is_asked_for_again(
    lab: Lab, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest, "SILENT_S", 1.0)
    async with followed(cluster) as seen, client_of(lab) as client:
        await client.hook(do="freeze", match="/pods$")
        body = {
            "metadata": {"name": "late", "namespace": "default"},
            "spec": {
                "nodeName": "node1",
                "containers": [{"name": "c", "image": "busybox", "command": ["sleep", "60"]}],
            },
        }
        assert (await client.call("POST", "/api/v1/namespaces/default/pods", body))[0] == 201
        await seen.until(lambda: seen.store.listing("pods").get("default", "late"))
        await client.hook(do="thaw", match="")
        await client.call("DELETE", "/api/v1/namespaces/default/pods/late?gracePeriodSeconds=0")
        assert seen.phase() == "live"


async def test_one_list_that_fails_is_named_and_the_others_go_on(
    lab: Lab, cluster: Cluster
) -> None:
    async with followed(cluster) as seen, client_of(lab) as client:
        await client.hook(do="rule", match="/services$", code=500)
        await client.hook(do="cut", match="/services$")
        await seen.until(lambda: seen.store.target(LISTS).message)
        assert seen.phase() == "live"
        assert seen.store.target(LISTS).message.startswith(
            "Not followed now: services. The API server answered"
        )
        await client.hook(do="clear")
        await seen.until(lambda: not seen.store.target(LISTS).message, 20)
