"""What every cluster has beside its applications, under `healthy`: nothing of it is wrong.

In the namespace `noise` long polls, idle websockets, a program that resets after complete answers,
unanswered UDP, bursts, a scraper, a port scanner, a standby that is not ready, a Service scaled to
zero, endpoints outside of the cluster, and Jobs; on the nodes watches of an API server, etcd and
health checks (control_plane_traffic.py). With `changing`, rollouts and autoscaling as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Literal

from lab import network
from lab.api.metadata import generation_of
from lab.api.store import Object, ObjectStore, now
from lab.images import NOISE
from lab.network import Sandbox
from lab.objects import (
    cluster_service,
    metadata,
    namespace,
    new_pod,
    put_namespace,
    replicas_on,
)
from lab.topology import POD_CIDR

Level = Literal["none", "healthy", "changing"]
LEVELS: tuple[Level, ...] = ("none", "healthy", "changing")
NAMESPACE = "noise"
OUTSIDE_PORT = 9095
JOB_EVERY_S, JOBS_KEPT = 30.0, 2
RESTARTED = "kubectl.kubernetes.io/restartedAt"
Terminate = Callable[[Object, Object], Object]
FAILS_EVERY = 4  # Jobs
CHANGE_EVERY_S = 20.0
PROBE = {"timeoutSeconds": 1, "successThreshold": 1, "failureThreshold": 3}
GET_READY = {"path": "/ready", "port": 8093, "scheme": "HTTP"}
READY: Object = {"readinessProbe": {"httpGet": GET_READY, "periodSeconds": 1, **PROBE}}
LEADS: Object = {"readinessProbe": {"tcpSocket": {"port": 7777}, "periodSeconds": 2, **PROBE}}
MASQUERADE = f"""table ip noise {{
  chain postrouting {{ type nat hook postrouting priority srcnat; policy accept;
    ip saddr {POD_CIDR} ip daddr {network.OUTSIDE} tcp dport {OUTSIDE_PORT} masquerade
  }}
}}
"""


def deployment(
    name: str, args: tuple[str, ...], nodes: tuple[str, ...], app: str = "", **container: Object
) -> Object:
    """`container` are further fields of its container."""
    labels = {"app": app or name}
    pod = {"containers": [{"name": name, "image": NOISE, "args": list(args), **container}]}
    return {
        "metadata": metadata(NAMESPACE, name, labels),
        "spec": {
            **replicas_on(nodes, {**labels, "name": name}, pod),
            "strategy": {"type": "RollingUpdate"},
        },
    }


def service(
    name: str, address: str, port: int, target: int, *, app: str = "", protocol: str = "TCP"
) -> Object:
    """Without `app` it selects nothing: its slice is written by hand."""
    ports = [{"name": "main", "protocol": protocol, "port": port, "targetPort": target}]
    selector = {"selector": {"app": app}} if app else {}
    return cluster_service(
        {"name": name, "namespace": NAMESPACE}, address, {"ports": ports, **selector}
    )


def manual_slice(where: str, name: str, port: tuple[str, int], address: str) -> Object:
    """One that no controller writes; `port` is its name and number."""
    labels = {"kubernetes.io/service-name": name}
    return {
        "metadata": {"name": name, "namespace": where, "labels": labels},
        "addressType": "IPv4",
        "ports": [{"name": port[0], "protocol": "TCP", "port": port[1]}],
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
    }


def api_service() -> Object:
    ports = [{"name": "https", "protocol": "TCP", "port": 443, "targetPort": 6443}]
    place = {"name": "kubernetes", "namespace": "default"}
    return cluster_service(place, "10.96.0.1", {"ports": ports})


SERVICES = (
    service("hub", "10.96.90.1", 80, 8093, app="hub"),
    service("hub-poll", "10.96.90.2", 80, 8090, app="hub"),
    service("hub-linger", "10.96.90.3", 80, 8091, app="hub"),
    service("hub-idle", "10.96.90.4", 80, 8092, app="hub"),
    service("syslog", "10.96.90.5", 514, 1514, app="hub", protocol="UDP"),
    service("ledger", "10.96.90.6", 80, 8094, app="ledger"),
    service("paused", "10.96.90.7", 80, 8080, app="paused"),
    service("legacy", "10.96.90.8", 5432, OUTSIDE_PORT),
)
DEPLOYMENTS = (
    deployment("hub", ("hub",), ("node1", "node2"), **READY),
    deployment("clients", ("clients", "legacy"), ("node1",)),
    deployment("scanner", ("scan",), ("node2",)),
    deployment("ledger-leader", ("ledger", "leader"), ("node1",), app="ledger", **LEADS),
    deployment("ledger-standby", ("ledger", "standby"), ("node2",), app="ledger", **LEADS),
    deployment("operator", ("watch", "10.96.0.1", "443"), ("node2",)),
    deployment("paused", ("hub",), ()),
)


def populate(store: ObjectStore, api_server: str) -> None:
    """`api_server` is the address of its node."""
    put_namespace(store, namespace(NAMESPACE))
    store.put_all("services", SERVICES)
    store.put("services", api_service())
    store.put_all("endpointslices", manual_slices(api_server))
    store.put_all("deployments", DEPLOYMENTS)


def manual_slices(api_server: str) -> Iterator[Object]:
    yield manual_slice(NAMESPACE, "legacy", ("main", OUTSIDE_PORT), network.OUTSIDE)
    yield manual_slice("default", "kubernetes", ("https", 6443), api_server)


async def masquerade(sandboxes: Iterable[Sandbox]) -> None:
    """What goes to the endpoint outside has its node's address, so that it is answered."""
    loads = (network.run(one.inside(["nft", "-f", "-"]), MASQUERADE) for one in sandboxes)
    await asyncio.gather(*loads)


async def _answer(reader: StreamReader, writer: StreamWriter) -> None:
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await writer.drain()
    writer.close()


async def serve_outside() -> None:
    """The endpoint outside of the cluster, in the lab's own namespace; for ever."""
    server = await asyncio.start_server(_answer, network.OUTSIDE, OUTSIDE_PORT)
    await server.serve_forever()


# --- what comes and goes


def job_pod(number: int, node: str) -> Object:
    """Every fourth one fails, as Jobs do that are tried again."""
    name = f"report-{number}"
    code = "0" if number % FAILS_EVERY else "1"
    container = {"name": "report", "image": NOISE, "args": ["job", code]}
    labels = {"batch.kubernetes.io/job-name": name}
    spec = {"nodeName": node, "restartPolicy": "Never", "containers": [container]}
    return new_pod({"metadata": metadata(NAMESPACE, name, labels), "spec": spec})


async def run_jobs(store: ObjectStore, nodes: Sequence[str], terminate: Terminate) -> None:
    """A short-lived pod every JOB_EVERY_S, deleted JOB_KEPT_S later; for ever."""
    turn = itertools.cycle((*nodes[1:], nodes[0]))
    for number in itertools.count(1):
        await asyncio.sleep(JOB_EVERY_S)
        store.put("pods", job_pod(number, next(turn)))
        if old := store.get("pods", NAMESPACE, f"report-{number - JOBS_KEPT}"):
            terminate(old, {"gracePeriodSeconds": 0})


async def change(store: ObjectStore) -> None:
    """Rollouts and autoscaling of the hub, in turns; for ever."""
    for number in itertools.count(1):
        await asyncio.sleep(CHANGE_EVERY_S)
        store.edit("deployments", NAMESPACE, "hub", partial(_rolled_or_scaled, number=number))


def _rolled_or_scaled(item: Object, number: int) -> None:
    item["metadata"]["generation"] = generation_of(item) + 1
    if number % 2:
        item["spec"]["replicas"] = 4 if item["spec"]["replicas"] == 2 else 2
    else:
        _restart(item["spec"]["template"]["metadata"])


def _restart(template: Object) -> None:
    """As `kubectl rollout restart` does, in a template's metadata."""
    template["annotations"] = {**template.get("annotations", {}), RESTARTED: now()}
