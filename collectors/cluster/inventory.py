"""What the cluster holds: a paged list of each kind, then a watch, for ever; rows on the stream."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from collectors.backoff import Backoff
from collectors.cluster.access import Cluster, quote
from collectors.errors import ClusterError, Forbidden
from collectors.events import (
    ContainerPort,
    Endpoint,
    InventoryChange,
    InventoryList,
    NamespaceRow,
    NodeRow,
    PodRow,
    PolicyRow,
    Row,
    ServicePort,
    ServiceRow,
    SliceRow,
    TargetPhase,
    TargetState,
)
from collectors.safe import safe
from collectors.session import Session

PAGE = 500
LISTS = "cluster"  # the key under which the state of the lists is told
LONGEST_WAIT_S = 30.0
REFUSED_WAIT_S = 60.0  # rights change rarely
HEARTBEAT_S = 15.0
PULSE = "heartbeat"
VITAL = (PULSE, "pods")
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


def workload(metadata: Object) -> str:
    """What a pod belongs to: a ReplicaSet named after its Deployment stands for that; '' for a bare pod."""
    for owner in metadata.get("ownerReferences") or ():
        if not owner.get("controller"):
            continue
        kind, name = str(owner.get("kind") or ""), str(owner.get("name") or "")
        template = str((metadata.get("labels") or {}).get("pod-template-hash") or "")
        if kind == "ReplicaSet" and template and name.endswith(f"-{template}"):
            kind, name = "Deployment", name[: -len(template) - 1]
        return safe(f"{kind}/{name}", 300)
    return ""


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
        ips=tuple(safe(entry.get("ip") or "", 64) for entry in status.get("podIPs") or ()),
        workload=workload(item.get("metadata") or {}),
        labels=labels_of(item.get("metadata", {}).get("labels")),
        ports=tuple(_port(p, "containerPort") for c in spec.get("containers") or () for p in c.get("ports") or ()),
        told=_told(status),
    )


_SHARED: dict[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]] = {}  # replicas have equal labels


def labels_of(labels: Object | None) -> tuple[tuple[str, str], ...]:
    """Labels or a selector, sorted."""
    found = tuple(sorted((safe(k, 320), safe(v, 64)) for k, v in (labels or {}).items()))
    if len(_SHARED) > 50_000:
        _SHARED.clear()
    return _SHARED.setdefault(found, found)


def _int(value: object) -> int:
    """A port's number; 0 where it is none."""
    return value if isinstance(value, int) and 0 < value < 65_536 else 0


def _port(port: Object, field: str) -> ContainerPort:
    return ContainerPort(
        safe(port.get("name") or "", 63), _int(port.get(field)), safe(port.get("protocol") or "TCP", 8)
    )


def _told(status: Object) -> str:
    """What the kubelet says of a container that does not run, the last end of one that is restarted included."""
    for entry in (*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())):
        for when in ("state", "lastState"):
            for kind in ("terminated", "waiting"):
                if message := ((entry.get(when) or {}).get(kind) or {}).get("message"):
                    return safe(message, 300)
    return ""


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
        pod_cidrs=tuple(safe(cidr, 64) for cidr in item.get("spec", {}).get("podCIDRs") or ()),
        kernel=safe(info.get("kernelVersion") or "", 80),
        labels=labels_of(labels),
    )


def namespace_row(item: Object) -> NamespaceRow:
    return NamespaceRow(_name(item), labels=labels_of(item.get("metadata", {}).get("labels")))


def service_row(item: Object) -> ServiceRow:
    spec = item.get("spec") or {}
    addresses = spec.get("clusterIPs") or ([spec["clusterIP"]] if spec.get("clusterIP") else [])
    return ServiceRow(
        namespace=_name(item, "namespace"),
        name=_name(item),
        ips=tuple(safe(a, 64) for a in addresses if a != "None"),
        ports=tuple(safe(f"{p.get('port')}/{p.get('protocol') or 'TCP'}", 20) for p in spec.get("ports") or ()),
        type=safe(spec.get("type") or "", 20),
        selector=labels_of(spec.get("selector")),
        targets=tuple(_service_port(p) for p in spec.get("ports") or ()),
        external_policy=safe(spec.get("externalTrafficPolicy") or "", 20),
        internal_policy=safe(spec.get("internalTrafficPolicy") or "", 20),
        publish_not_ready=bool(spec.get("publishNotReadyAddresses")),
        external_name=safe(spec.get("externalName") or "", 253),
        distribution=safe(spec.get("trafficDistribution") or "", 40),
    )


def _service_port(port: Object) -> ServicePort:
    number = _int(port.get("port"))
    target = safe(str(port.get("targetPort") or number), 63)
    protocol = safe(port.get("protocol") or "TCP", 8)
    return ServicePort(safe(port.get("name") or "", 63), number, protocol, target, _int(port.get("nodePort")))


def slice_row(item: Object) -> SliceRow:
    labels = item.get("metadata", {}).get("labels") or {}
    ready: list[str] = []
    other: list[str] = []
    endpoints: list[Endpoint] = []
    for endpoint in item.get("endpoints") or ():
        good = (endpoint.get("conditions") or {}).get("ready") is not False
        addresses = [safe(a, 64) for a in endpoint.get("addresses") or ()]
        (ready if good else other).extend(addresses)
        node, zone = safe(endpoint.get("nodeName") or "", 253), safe(endpoint.get("zone") or "", 63)
        pod = safe((endpoint.get("targetRef") or {}).get("name") or "", 253)
        endpoints += [Endpoint(address, good, node, zone, pod) for address in addresses]
    service = safe(labels.get("kubernetes.io/service-name") or "", 253)
    ports = tuple(_port(port, "port") for port in item.get("ports") or ())
    return SliceRow(
        _name(item, "namespace"), _name(item), service, tuple(ready), tuple(other), ports, tuple(endpoints)
    )  # fmt: skip


def policy_row(item: Object) -> PolicyRow:
    text = json.dumps(item.get("spec") or {}, separators=(",", ":"), ensure_ascii=True)
    return PolicyRow(_name(item, "namespace"), _name(item), text)


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
    "networkpolicies": (
        "/apis/networking.k8s.io/v1/networkpolicies",
        "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
        policy_row,
    ),
}


class Expired(Exception):
    """The watch or the list fell behind what the server remembers (410): list again."""


def built(kind: str, items: Iterable[Object]) -> tuple[list[Row], int]:
    """The rows of some objects, and how many objects were not of the shape that their API promises."""
    build = KINDS[kind][2]
    rows: list[Row] = []
    odd = 0
    for item in items:
        try:
            rows.append(build(item))
        except (AttributeError, TypeError, ValueError, KeyError, IndexError):
            odd += 1
    return rows, odd


class Inventory:
    """Keeps the stream told of every kind. A kind that may not be listed everywhere is listed in our namespace."""

    def __init__(self, cluster: Cluster, session: Session) -> None:
        self.cluster = cluster
        self.session = session
        self._narrow: set[str] = set()
        self._broken: dict[str, tuple[str, int]] = {}  # what is not followed now, why, and how often in a row
        self._told: tuple[str, str] = ("", "")

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._feel_pulse())
            for kind in KINDS:
                group.create_task(self._keep(kind))

    async def _keep(self, kind: str) -> None:
        """List, then watch, for ever. What goes wrong is told once and tried again, ever more patiently."""
        backoff = Backoff(longest=LONGEST_WAIT_S)
        while True:
            asked = 0.0
            try:
                version = await self._list(kind)
                backoff.reset()
                while True:
                    began = time.monotonic()
                    version = await self._watch(kind, version)
                    if time.monotonic() - began < SHORT_WATCH_S:
                        await asyncio.sleep(SHORT_WATCH_S)
            except Expired:
                pass
            except Forbidden as error:
                if self.cluster.namespace and kind not in self._narrow and KINDS[kind][1]:
                    self._narrow.add(kind)
                    continue
                self.session.publish(InventoryList(time.time(), "", kind, (), refused=str(error)))
                asked = REFUSED_WAIT_S
            except ClusterError as error:
                self._say(kind, str(error))
                asked = error.retry_after
            await asyncio.sleep(backoff.next(asked))

    async def _feel_pulse(self) -> None:
        """Whether the server answers at all: a watch on a server that hangs is as quiet as one of a calm cluster."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    await self.cluster.rest.get("/version", what="heartbeat")
            except TimeoutError:
                self._say(PULSE, f"The API server has not answered for {HEARTBEAT_S:.0f} s.")
            except ClusterError as error:
                if not error.status:  # an answer, whichever, is a sign of life
                    self._say(PULSE, str(error))
            else:
                self._well(PULSE)

    def _say(self, what: str, message: str) -> None:
        """Something is not followed any more: told as the state of a target of its own, once a fault."""
        _, times = self._broken.get(what, ("", 0))
        self._broken[what] = (message, times + 1)
        self._tell()

    def _well(self, what: str) -> None:
        if self._broken.pop(what, None) or not self._told[0]:
            self._tell()

    def _tell(self) -> None:
        """The lists are broken off where the server does not answer, or pods are not followed. Another kind that fails
        twice in a row is named beside; once may be the first sign of the server's going."""
        for vital in VITAL:
            if vital in self._broken:
                self._publish("gap", self._broken[vital][0], vital)
                return
        failing = sorted(what for what, (_, times) in self._broken.items() if times > 1)
        reason = f"Not followed now: {', '.join(failing)}. {self._broken[failing[0]][0]}" if failing else ""
        self._publish("live", reason, " ".join(failing))

    def _publish(self, phase: TargetPhase, message: str, about: str) -> None:
        if self._told != (phase, about):
            self._told = (phase, about)
            self.session.publish(TargetState(time.time(), LISTS, phase, message))

    def _path(self, kind: str) -> str:
        everywhere, in_namespace, _ = KINDS[kind]
        if kind in self._narrow and in_namespace:
            return in_namespace.format(quote(self.cluster.namespace))
        return everywhere

    async def _list(self, kind: str) -> str:
        """Publish all of a kind, page by page from the server; returns the version to watch from."""
        rows: list[Row] = []
        token = ""
        while True:
            query = {"limit": PAGE, "continue": token}
            try:
                page = await self.cluster.rest.request("GET", self._path(kind), query, what=f"list {kind}")
            except ClusterError as error:
                if error.status == 410 and token:
                    raise Expired from None
                raise
            rows += built(kind, page.get("items") or ())[0]
            metadata = page.get("metadata") or {}
            token = metadata.get("continue") or ""
            if not token:
                break
            await asyncio.sleep(0)
        self.session.publish(InventoryList(time.time(), "", kind, tuple(rows)))
        self._well(kind)
        return str(metadata.get("resourceVersion") or "0")

    async def _watch(self, kind: str, version: str) -> str:
        query = {"resourceVersion": version, "allowWatchBookmarks": "true"}
        async for event in self.cluster.rest.watch(self._path(kind), what=f"watching {kind}", **query):
            item, verb = event.get("object"), event.get("type")
            if not isinstance(item, dict):
                raise ClusterError(f"The watch of {kind} sent what is no event: {safe(event, 120)}.")
            if verb == "ERROR":
                if item.get("code") == 410:
                    raise Expired
                raise ClusterError(f"The watch of {kind} failed: {safe(item.get('message'), 300)}")
            version = str((item.get("metadata") or {}).get("resourceVersion") or version)
            if verb in ("ADDED", "MODIFIED", "DELETED"):
                for row in built(kind, (item,))[0]:
                    self.session.publish(InventoryChange(time.time(), "", verb, row))
        return version
