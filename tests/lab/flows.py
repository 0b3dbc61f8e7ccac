"""Connections in the lab that verdicts are compared with: by pods' addresses, Services of either
family, headless Services, node ports and host ports, from pods, nodes and outside."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from diagnosis.reachability.cluster_state import ClusterState
from diagnosis.reachability.deliveries import PathVerdict
from diagnosis.reachability.end_names import EndFinder
from diagnosis.reachability.path import ask_ends
from lab.images import APP
from lab.network import OUTSIDE, OUTSIDE6
from tests.support.lab_client import Client

PODS = (
    "shop/frontend@node1",
    "shop/frontend@node2",
    "shop/search",
    "shop/checkout",
    "base/idle",
)
NODES = ("node1", "node2")
SERVERS = ("shop/backend@node1", "shop/backend@node2", "shop/catalog@node2")
PORT, HOST_PORT = 8080, 18080
NODE_PORTS = {"storefront": 30080, "both": 30090, "local": 30091}
SERVICES: tuple[dict[str, Any], ...] = (
    {
        "metadata": {"name": "both"},
        "spec": {"ipFamilyPolicy": "RequireDualStack", "type": "NodePort"},
    },
    {
        "metadata": {"name": "local"},
        "spec": {
            "ipFamilyPolicy": "RequireDualStack",
            "type": "NodePort",
            "externalTrafficPolicy": "Local",
        },
    },
    {"metadata": {"name": "six"}, "spec": {"ipFamilies": ["IPv6"]}},
    {
        "metadata": {"name": "headless"},
        "spec": {"ipFamilyPolicy": "RequireDualStack", "clusterIP": "None"},
    },
)
# name, node, hostIP, hostPort
HOST_PORTS = (
    ("any", "node1", "", HOST_PORT),
    ("bound", "node1", "10.0.77.11", HOST_PORT + 1),
    ("loopback", "node1", "127.0.0.1", HOST_PORT + 2),
    ("six", "node2", "::", HOST_PORT + 3),
)


@dataclass(frozen=True)
class Flow:
    """`source` as the lab's probe names it, `target` as people write it; `addresses` are those that
    are tried for it."""

    kind: str
    source: str
    target: str
    port: int
    addresses: tuple[str, ...]

    @property
    def text(self) -> str:
        return f"{self.kind}: {self.source} → {self.target}:{self.port}"


# --- what the lab has for it


async def prepare(client: Client) -> None:
    """Services of every kind, and pods with host ports."""
    for body in SERVICES:
        await _create(client, "services", _service(body))
    for name, node, host_ip, port in HOST_PORTS:
        await _create(client, "pods", _host_port_pod(name, node, host_ip, port))
    async with asyncio.timeout(20):
        while not await _all_ready(client):
            await asyncio.sleep(0.1)


def _service(body: dict[str, Any]) -> dict[str, Any]:
    port = {"port": 80, "targetPort": PORT, "nodePort": NODE_PORTS.get(body["metadata"]["name"])}
    ports = [{key: value for key, value in port.items() if value}]
    return {**body, "spec": {**body["spec"], "selector": {"app": "backend"}, "ports": ports}}


def _host_port_pod(name: str, node: str, host_ip: str, port: int) -> dict[str, Any]:
    declared = {"containerPort": PORT, "hostPort": port, **({"hostIP": host_ip} if host_ip else {})}
    container = {"name": "c", "image": APP, "args": ["serve", str(PORT)], "ports": [declared]}
    return {
        "metadata": {"name": f"host-port-{name}", "labels": {"app": "ingress"}},
        "spec": {"nodeName": node, "containers": [container]},
    }


async def _create(client: Client, resource: str, body: dict[str, Any]) -> None:
    status, answer = await client.call("POST", f"/api/v1/namespaces/shop/{resource}", body)
    assert status == 201, answer


async def _all_ready(client: Client) -> bool:
    pods = (await client.get("/api/v1/namespaces/shop/pods"))["items"]
    mine = [pod for pod in pods if pod["metadata"]["name"].startswith("host-port-")]
    ready = [s["ready"] for pod in mine for s in pod["status"].get("containerStatuses", ())]
    return len(ready) == len(HOST_PORTS) and all(ready)


# --- what is asked


def flows(known: ClusterState) -> list[Flow]:
    """Every pair that there is."""
    found = [*_to_pods(known), *_to_services(known), *_to_nodes(known)]
    return [flow for flow in found if flow.source != "outside" or flow.kind in FROM_OUTSIDE]


FROM_OUTSIDE = ("node port", "host port")


def _to_pods(known: ClusterState) -> list[Flow]:
    """By each address of a pod; also those that the source has no address of."""
    return [
        Flow("pod", source, ip, PORT, (ip,))
        for source in (*PODS, *NODES)
        for server in SERVERS
        for ip in pod_of(known, server).ips
    ]


def _to_services(known: ClusterState) -> list[Flow]:
    found = []
    for service in known.services:
        if service.namespace != "shop" or service.name == "kubernetes":
            continue
        for source in (*PODS, *NODES):
            found += [Flow("Service", source, ip, 80, (ip,)) for ip in service.ips]
            if service.headless:
                ips = tuple(_endpoints(known, service.name, six=False))
                name = f"svc/shop/{service.name}"
                found += [Flow("headless", source, name, port, ips) for port in (80, PORT)]
    return found


def _endpoints(known: ClusterState, service: str, *, six: bool) -> list[str]:
    rows = known.slices_of.get(("shop", service), [])
    return [a for row in rows for a in row.ready if (":" in a) == six]


def _to_nodes(known: ClusterState) -> list[Flow]:
    addresses = [ip for node in known.nodes for ip in node.addresses]
    ports = [("node port", port) for port in NODE_PORTS.values()]
    ports += [("host port", port) for _, _, _, port in HOST_PORTS]
    return [
        Flow(kind, source, ip, port, (ip,))
        for source in (*PODS, *NODES, "outside")
        for kind, port in ports
        for ip in addresses
    ]


def chosen(known: ClusterState, chance: random.Random, count: int) -> list[Flow]:
    """So many, of each kind about the same."""
    kinds: dict[str, list[Flow]] = {}
    for flow in flows(known):
        kinds.setdefault(flow.kind, []).append(flow)
    names = sorted(kinds)
    return [chance.choice(kinds[names[number % len(names)]]) for number in range(count)]


def pod_of(known: ClusterState, who: str) -> Any:
    name, _, node = who.partition("@")
    namespace, _, app = name.partition("/")
    return next(
        p
        for p in known.pods
        if p.namespace == namespace
        and (dict(p.labels).get("app") == app or p.name == app)
        and (not node or p.node == node)
    )


def asked(known: ClusterState, flow: Flow) -> PathVerdict:
    """As `podwire policy` is."""
    finder = EndFinder(known, "shop", explicit=True)
    if flow.source == "outside":
        six = ":" in flow.target
        source = finder.find(OUTSIDE6 if six else OUTSIDE)
    elif flow.source in NODES:
        source = finder.find(f"node/{flow.source}")
    else:
        pod = pod_of(known, flow.source)
        source = finder.find(f"{pod.namespace}/{pod.name}")
    destination = finder.find(flow.target, str(flow.port))
    return ask_ends(known, source, destination, port=str(flow.port), protocol="TCP")


async def tried(client: Client, flow: Flow) -> list[str]:
    """What the packets say, of each address."""
    said = await asyncio.gather(
        *(client.probe(flow.source, "tcp", ip, str(flow.port), "1") for ip in flow.addresses)
    )
    return [one.split()[0] for one in said]


def arrived(answer: PathVerdict, said: Sequence[str]) -> bool | None:
    """Whether each try reached the other end; None where only some did. An end that may not listen,
    as the answer says, refuses what has reached it."""
    refuses = any("may not listen" in step.reason for step in answer.path)
    good = ("ok", "refused") if refuses else ("ok",)
    results = {one in good for one in said}
    return results.pop() if len(results) == 1 else None
