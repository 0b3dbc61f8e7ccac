"""The noise of a healthy lab is there: each part of it, as a plain client or the API sees it."""

from __future__ import annotations

import asyncio

import pytest

from cli import check
from cli.waiting import until
from collectors.capture.tcp import TcpFlow
from collectors.cluster.api.connection import Cluster, connect
from collectors.events import NodeRow
from collectors.stream import Stream
from lab.supervisor import Lab
from session.controller import Controller
from session.snapshot_builder import snapshot
from session.store import Store
from tests.support.lab_client import client_of

KEY, KUBELET = "node/node2", 10250
SERVED = (
    ("node1", "10.0.77.11", "10250"),  # the kubelet
    ("node1", "127.0.0.1", "6443"),
    ("node1", "127.0.0.1", "2379"),
    ("node2", "10.0.77.11", "6443"),
    ("noise/operator", "10.96.0.1", "443"),
    ("noise/clients", "hub-poll", "80"),
    ("noise/clients", "legacy", "5432"),  # outside of the cluster
)


@pytest.mark.parametrize(("at", "host", "port"), SERVED)
async def test_it_is_served(lab: Lab, at: str, host: str, port: str) -> None:
    async with client_of(lab) as client:
        assert await client.probe(at, "tcp", host, port, "1") == "ok 1/1"


async def test_what_is_closed_or_scaled_to_zero_refuses(lab: Lab) -> None:
    async with client_of(lab) as client:
        for host in ("ledger:7777", "paused:80"):
            name, _, port = host.partition(":")
            assert "ok" not in await client.probe("noise/clients", "tcp", name, port, "1")


async def test_a_standby_is_not_ready_and_hubs_are(cluster: Cluster) -> None:
    for _ in range(100):
        pods = (await cluster.rest.get("/api/v1/namespaces/noise/pods"))["items"]
        ready = {pod["metadata"]["labels"].get("name"): is_ready(pod) for pod in pods}
        if ready.get("hub"):
            break
        await asyncio.sleep(0.1)
    assert ready["hub"] and ready["ledger-leader"] and not ready["ledger-standby"]


def is_ready(pod: dict[str, dict[str, list[dict[str, str]]]]) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"]["conditions"])


async def test_exec_streams_go_through_the_node_and_are_podwires_own(lab: Lab) -> None:
    """A capture of the node sees the streams that carry it; no rule looks at them."""
    store = Store()
    control = Controller(store, Stream())
    control.start()
    control.open(await connect(str(lab.kubeconfig)), is_lab=True)
    try:
        await until(lambda: "nodes" in store.inventory, 15)
        nodes = [
            row for row in store.rows("nodes") if isinstance(row, NodeRow) and row.name == "node2"
        ]
        await check.attach(control, store, nodes)
        assert await until(lambda: any(map(carries, streams(store))), 15)
        views = [view for view in snapshot(store, 0.0).targets if view.key == KEY]
        assert views[0].conversations and KUBELET not in {
            talk.port for talk in views[0].conversations
        }
    finally:
        await control.close()


def streams(store: Store) -> list[TcpFlow]:
    flows = store.target(KEY).flows.flows
    return [f for f in flows if isinstance(f, TcpFlow) and f.server.port == KUBELET]


def carries(flow: TcpFlow) -> bool:
    return flow.server.payload > 0
