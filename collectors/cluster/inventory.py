"""What the cluster holds: a paged list of each kind, then a watch, for ever; rows on the stream."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from collectors.cluster.access import Cluster, quote
from collectors.errors import ClusterError, Forbidden
from collectors.events import (
    InventoryChange,
    InventoryList,
    NamespaceRow,
    NodeRow,
    PodRow,
    Row,
    ServiceRow,
    SliceRow,
    TargetPhase,
    TargetState,
)
from collectors.safe import safe
from collectors.session import Session

PAGE = 500
LISTS = "cluster"  # the key under which the state of the lists is told
SHORT_WATCH_S = 1.0  # a watch that ends sooner is not asked for again at once
Object = Mapping[str, Any]
ZONE = "topology.kubernetes.io/zone"


def _seconds(text: str) -> float:
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except (ValueError, AttributeError):
        return 0.0


def _name(item: Object, field: str = "name") -> str:
    return safe(item.get("metadata", {}).get(field) or "", 253)


def pod_reason(status: Object) -> str:
    """The word kubectl shows: a waiting or ending container's reason before the phase."""
    for entry in (*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())):
        state = entry.get("state") or {}
        for kind in ("waiting", "terminated"):
            reason = (state.get(kind) or {}).get("reason")
            if reason and reason != "Completed":
                return str(reason)
    return str(status.get("reason") or status.get("phase") or "Unknown")


def pod_row(item: Object) -> PodRow:
    spec, status = item.get("spec") or {}, item.get("status") or {}
    entries = status.get("containerStatuses") or ()
    deleting = bool(item.get("metadata", {}).get("deletionTimestamp"))
    return PodRow(
        namespace=_name(item, "namespace"),
        name=_name(item),
        uid=_name(item, "uid"),
        node=safe(spec.get("nodeName") or "", 253),
        ip=safe(status.get("podIP") or "", 64),
        phase="Terminating" if deleting else safe(pod_reason(status), 60),
        ready=f"{sum(bool(e.get('ready')) for e in entries)}/{len(spec.get('containers') or ())}",
        restarts=sum(int(e.get("restartCount") or 0) for e in entries),
        created=_seconds(item.get("metadata", {}).get("creationTimestamp") or ""),
        host_network=bool(spec.get("hostNetwork")),
    )


def node_row(item: Object) -> NodeRow:
    status = item.get("status") or {}
    addresses = {a.get("type"): a.get("address") for a in status.get("addresses") or ()}
    ready = any(c.get("type") == "Ready" and c.get("status") == "True" for c in status.get("conditions") or ())
    labels, info = item.get("metadata", {}).get("labels") or {}, status.get("nodeInfo") or {}
    return NodeRow(
        name=_name(item),
        address=safe(addresses.get("InternalIP") or "", 64),
        zone=safe(labels.get(ZONE) or "", 63),
        ready=ready,
        os=safe(info.get("operatingSystem") or "", 20),
        arch=safe(info.get("architecture") or "", 20),
    )


def namespace_row(item: Object) -> NamespaceRow:
    return NamespaceRow(_name(item))


def service_row(item: Object) -> ServiceRow:
    spec = item.get("spec") or {}
    addresses = spec.get("clusterIPs") or ([spec["clusterIP"]] if spec.get("clusterIP") else [])
    return ServiceRow(
        namespace=_name(item, "namespace"),
        name=_name(item),
        ips=tuple(safe(a, 64) for a in addresses if a != "None"),
        ports=tuple(safe(f"{p.get('port')}/{p.get('protocol') or 'TCP'}", 20) for p in spec.get("ports") or ()),
        type=safe(spec.get("type") or "", 20),
    )


def slice_row(item: Object) -> SliceRow:
    labels = item.get("metadata", {}).get("labels") or {}
    ready: list[str] = []
    other: list[str] = []
    for endpoint in item.get("endpoints") or ():
        good = (endpoint.get("conditions") or {}).get("ready") is not False
        (ready if good else other).extend(safe(a, 64) for a in endpoint.get("addresses") or ())
    service = safe(labels.get("kubernetes.io/service-name") or "", 253)
    return SliceRow(_name(item, "namespace"), _name(item), service, tuple(ready), tuple(other))


# kind: (path of all, path of one namespace or None, row builder)
KINDS: dict[str, tuple[str, str | None, Callable[[Object], Row]]] = {
    "pods": ("/api/v1/pods", "/api/v1/namespaces/{}/pods", pod_row),
    "nodes": ("/api/v1/nodes", None, node_row),
    "namespaces": ("/api/v1/namespaces", None, namespace_row),
    "services": ("/api/v1/services", "/api/v1/namespaces/{}/services", service_row),
    "endpointslices": (
        "/apis/discovery.k8s.io/v1/endpointslices",
        "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices",
        slice_row,
    ),
}


class Expired(Exception):
    """The watch fell behind what the server remembers (410): list again."""


class Inventory:
    """Keeps the stream told of every kind. `namespace` limits namespaced kinds where all is not allowed."""

    def __init__(self, cluster: Cluster, session: Session) -> None:
        self.cluster = cluster
        self.session = session
        self._narrow: set[str] = set()
        self._phase: TargetPhase = "attaching"

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for kind in KINDS:
                group.create_task(self._keep(kind))

    async def _keep(self, kind: str) -> None:
        wait = 0.5
        while True:
            try:
                version = await self._list(kind)
                wait = 0.5
                while True:
                    began = time.monotonic()
                    version = await self._watch(kind, version)
                    if time.monotonic() - began < SHORT_WATCH_S:
                        await asyncio.sleep(SHORT_WATCH_S)
            except Expired:
                continue
            except Forbidden as error:
                if self.cluster.namespace and kind not in self._narrow and KINDS[kind][1]:
                    self._narrow.add(kind)  # not for the whole cluster: then for our namespace
                    continue
                self.session.publish(InventoryList(time.time(), "", kind, (), refused=str(error)))
                wait = 60.0
            except ClusterError as error:
                self._say("gap", str(error))
            await asyncio.sleep(wait * random.uniform(0.7, 1.3))
            wait = min(wait * 2, 30.0)

    def _say(self, phase: TargetPhase, message: str = "") -> None:
        """Whether the lists are still followed, as the state of a target of its own."""
        if self._phase != phase:
            self._phase = phase
            self.session.publish(TargetState(time.time(), LISTS, phase, message))

    def _path(self, kind: str) -> str:
        everywhere, in_namespace, _ = KINDS[kind]
        if kind in self._narrow and in_namespace:
            return in_namespace.format(quote(self.cluster.namespace))
        return everywhere

    async def _list(self, kind: str) -> str:
        build = KINDS[kind][2]
        rows: list[Row] = []
        token = ""
        while True:
            query = {"limit": PAGE, "continue": token}
            page = await self.cluster.rest.request("GET", self._path(kind), query, what=f"list {kind}")
            rows += [build(item) for item in page.get("items") or ()]
            metadata = page.get("metadata") or {}
            token = metadata.get("continue") or ""
            if not token:
                break
            await asyncio.sleep(0)
        self.session.publish(InventoryList(time.time(), "", kind, tuple(rows)))
        self._say("live")
        return str(metadata.get("resourceVersion") or "0")

    async def _watch(self, kind: str, version: str) -> str:
        build = KINDS[kind][2]
        query = {"resourceVersion": version, "allowWatchBookmarks": "true"}
        async for event in self.cluster.rest.watch(self._path(kind), what=f"watching {kind}", **query):
            item = event.get("object") or {}
            verb = event.get("type")
            if verb == "ERROR":
                if item.get("code") == 410:
                    raise Expired
                raise ClusterError(f"The watch of {kind} failed: {safe(item.get('message'), 300)}")
            version = str((item.get("metadata") or {}).get("resourceVersion") or version)
            if verb in ("ADDED", "MODIFIED", "DELETED"):
                self.session.publish(InventoryChange(time.time(), "", verb, build(item)))
        return version
