"""Objects of the API as rows. A builder may fail on an odd object: `built` passes over it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from collectors.objects import (
    Backend,
    ContainerPort,
    Endpoint,
    IngressRow,
    NamespaceRow,
    NodeRow,
    PodRow,
    PolicyRow,
    ProbeRow,
    Row,
    ServicePort,
    ServiceRow,
    SliceRow,
)
from collectors.sanitize import sanitize

Object = Mapping[str, Any]
ZONE = "topology.kubernetes.io/zone"


def _seconds(text: str) -> float:
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except (ValueError, AttributeError):
        return 0.0


def _name(item: Object, field: str = "name") -> str:
    return sanitize(item.get("metadata", {}).get(field) or "", 253)


def pod_reason(status: Object) -> str:
    """The word kubectl shows: a waiting or ending container's reason before the phase."""
    for entry in (
        *(status.get("containerStatuses") or ()),
        *(status.get("initContainerStatuses") or ()),
    ):
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
        return sanitize(f"{kind}/{name}", 300)
    return ""


def _containers(spec: Object) -> list[Object]:
    """Those that run as long as the pod: sidecars among the init containers, too (restartPolicy Always)."""
    sidecars = [c for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"]
    return [*(spec.get("containers") or ()), *sidecars]


def _ready(spec: Object, status: Object) -> str:
    """`1/2` as kubectl shows it. A kubelet always tells of each container; a manifest that says `Running` may not."""
    entries, containers = status.get("containerStatuses"), _containers(spec)
    names, wanted = {c.get("name") for c in containers}, len(containers)
    if entries is None and status.get("phase") == "Running":
        told = [
            entry.get("status")
            for entry in status.get("conditions") or ()
            if entry.get("type") == "Ready"
        ]
        return f"{wanted if told in ([], ['True']) else 0}/{wanted}"
    told = [
        *(entries or ()),
        *(e for e in status.get("initContainerStatuses") or () if e.get("name") in names),
    ]
    return f"{sum(bool(entry.get('ready')) for entry in told)}/{wanted}"


def pod_row(item: Object) -> PodRow:
    spec, status = item.get("spec") or {}, item.get("status") or {}
    entries = status.get("containerStatuses") or ()
    ended = status.get("phase") in ("Succeeded", "Failed")
    deleting = bool(item.get("metadata", {}).get("deletionTimestamp"))
    return PodRow(
        namespace=_name(item, "namespace"),
        name=_name(item),
        uid=_name(item, "uid"),
        node=sanitize(spec.get("nodeName") or "", 253),
        ip="" if ended else sanitize(status.get("podIP") or "", 64),
        phase="Terminating" if deleting else sanitize(pod_reason(status), 60),
        ready=_ready(spec, status),
        restarts=sum(int(e.get("restartCount") or 0) for e in entries),
        created=_seconds(item.get("metadata", {}).get("creationTimestamp") or ""),
        host_network=bool(spec.get("hostNetwork")),
        ips=()
        if ended
        else tuple(sanitize(entry.get("ip") or "", 64) for entry in status.get("podIPs") or ()),
        workload=workload(item.get("metadata") or {}),
        labels=labels_of(item.get("metadata", {}).get("labels")),
        ports=tuple(
            _port(p, "containerPort") for c in _containers(spec) for p in c.get("ports") or ()
        ),
        message=_told(status),
        ended=ended,
    )


_SHARED: dict[
    tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]
] = {}  # replicas have equal labels


def labels_of(labels: Object | None) -> tuple[tuple[str, str], ...]:
    """Labels or a selector, sorted."""
    found = tuple(sorted((sanitize(k, 320), sanitize(v, 64)) for k, v in (labels or {}).items()))
    if len(_SHARED) > 50_000:
        _SHARED.clear()
    return _SHARED.setdefault(found, found)


def _int(value: object) -> int:
    """A port's number; 0 where it is none."""
    return value if isinstance(value, int) and 0 < value < 65_536 else 0


def _port(port: Object, field: str) -> ContainerPort:
    return ContainerPort(
        sanitize(port.get("name") or "", 63),
        _int(port.get(field)),
        sanitize(port.get("protocol") or "TCP", 8),
    )


def _told(status: Object) -> str:
    """What the kubelet says of a container that does not run, the last end of one that is restarted included."""
    for entry in (
        *(status.get("containerStatuses") or ()),
        *(status.get("initContainerStatuses") or ()),
    ):
        for when in ("state", "lastState"):
            for kind in ("terminated", "waiting"):
                if message := ((entry.get(when) or {}).get(kind) or {}).get("message"):
                    return sanitize(message, 300)
    return ""


def node_row(item: Object) -> NodeRow:
    status = item.get("status") or {}
    addresses = {a.get("type"): a.get("address") for a in status.get("addresses") or ()}
    ready = any(
        c.get("type") == "Ready" and c.get("status") == "True"
        for c in status.get("conditions") or ()
    )
    labels, info = item.get("metadata", {}).get("labels") or {}, status.get("nodeInfo") or {}
    return NodeRow(
        name=_name(item),
        address=sanitize(addresses.get("InternalIP") or "", 64),
        zone=sanitize(labels.get(ZONE) or "", 63),
        ready=ready,
        os=sanitize(info.get("operatingSystem") or "", 20),
        arch=sanitize(info.get("architecture") or "", 20),
        pod_cidrs=tuple(sanitize(cidr, 64) for cidr in item.get("spec", {}).get("podCIDRs") or ()),
        kernel=sanitize(info.get("kernelVersion") or "", 80),
        labels=labels_of(labels),
    )


def namespace_row(item: Object) -> NamespaceRow:
    return NamespaceRow(_name(item), labels=labels_of(item.get("metadata", {}).get("labels")))


def service_row(item: Object) -> ServiceRow:
    spec = item.get("spec") or {}
    balancer = ((item.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    outer = [
        *(spec.get("externalIPs") or ()),
        *(entry["ip"] for entry in balancer if entry.get("ip")),
    ]
    addresses = spec.get("clusterIPs") or ([spec["clusterIP"]] if spec.get("clusterIP") else [])
    return ServiceRow(
        namespace=_name(item, "namespace"),
        name=_name(item),
        ips=tuple(sanitize(a, 64) for a in addresses if a != "None"),
        ports=tuple(
            sanitize(f"{p.get('port')}/{p.get('protocol') or 'TCP'}", 20)
            for p in spec.get("ports") or ()
        ),
        type=sanitize(spec.get("type") or "", 20),
        selector=labels_of(spec.get("selector")),
        targets=tuple(_service_port(p) for p in spec.get("ports") or ()),
        external_policy=sanitize(spec.get("externalTrafficPolicy") or "", 20),
        internal_policy=sanitize(spec.get("internalTrafficPolicy") or "", 20),
        publish_not_ready=bool(spec.get("publishNotReadyAddresses")),
        external_name=sanitize(spec.get("externalName") or "", 253),
        distribution=sanitize(spec.get("trafficDistribution") or "", 40),
        outer_ips=tuple(sanitize(address, 64) for address in outer),
    )


def _service_port(port: Object) -> ServicePort:
    number = _int(port.get("port"))
    target = sanitize(str(port.get("targetPort") or number), 63)
    protocol = sanitize(port.get("protocol") or "TCP", 8)
    return ServicePort(
        sanitize(port.get("name") or "", 63), number, protocol, target, _int(port.get("nodePort"))
    )


def slice_row(item: Object) -> SliceRow:
    labels = item.get("metadata", {}).get("labels") or {}
    ready: list[str] = []
    other: list[str] = []
    endpoints: list[Endpoint] = []
    for endpoint in item.get("endpoints") or ():
        good = (endpoint.get("conditions") or {}).get("ready") is not False
        addresses = [sanitize(a, 64) for a in endpoint.get("addresses") or ()]
        (ready if good else other).extend(addresses)
        node, zone = (
            sanitize(endpoint.get("nodeName") or "", 253),
            sanitize(endpoint.get("zone") or "", 63),
        )
        pod = sanitize((endpoint.get("targetRef") or {}).get("name") or "", 253)
        endpoints += [Endpoint(address, good, node, zone, pod) for address in addresses]
    service = sanitize(labels.get("kubernetes.io/service-name") or "", 253)
    ports = tuple(_port(port, "port") for port in item.get("ports") or ())
    return SliceRow(
        _name(item, "namespace"),
        _name(item),
        service,
        tuple(ready),
        tuple(other),
        ports,
        tuple(endpoints),
    )


def policy_row(item: Object) -> PolicyRow:
    text = json.dumps(item.get("spec") or {}, separators=(",", ":"), ensure_ascii=True)
    meta = item.get("metadata") or {}
    times = [str(entry.get("time") or "") for entry in meta.get("managedFields") or ()]
    changed = max(_seconds(at) for at in (str(meta.get("creationTimestamp") or ""), *times))
    return PolicyRow(_name(item, "namespace"), _name(item), text, changed)


def probe_row(item: Object) -> ProbeRow:
    """An Event; those that are told in series (events.k8s.io) keep count and time elsewhere."""
    series, what = item.get("series") or {}, item.get("involvedObject") or {}
    last = (
        item.get("lastTimestamp") or series.get("lastObservedTime") or item.get("eventTime") or ""
    )
    return ProbeRow(
        _name(item, "namespace"),
        _name(item),
        sanitize(what.get("name") or "", 253),
        sanitize(item.get("message") or "", 400),
        int(item.get("count") or series.get("count") or 1),
        _seconds(last),
    )


ANNOTATIONS = "nginx.ingress.kubernetes.io/limit-"


def ingress_row(item: Object) -> IngressRow:
    spec, meta = item.get("spec") or {}, item.get("metadata") or {}
    annotations = meta.get("annotations") or {}
    backends = [_backend("", "", spec["defaultBackend"])] if spec.get("defaultBackend") else []
    for rule in spec.get("rules") or ():
        for path in (rule.get("http") or {}).get("paths") or ():
            backends.append(
                _backend(rule.get("host") or "", path.get("path") or "/", path.get("backend") or {})
            )
    class_name = sanitize(
        spec.get("ingressClassName") or annotations.get("kubernetes.io/ingress.class") or "", 253
    )
    return IngressRow(
        _name(item, "namespace"),
        _name(item),
        class_name,
        tuple(backends),
        labels_of({k: str(v) for k, v in annotations.items() if k.startswith(ANNOTATIONS)}),
        bool(spec.get("tls")),
    )


def _backend(host: str, path: str, backend: Object) -> Backend:
    service = backend.get("service") or {}
    port = service.get("port") or {}
    return Backend(
        sanitize(host, 253),
        sanitize(path, 200),
        sanitize(service.get("name") or "", 253),
        sanitize(str(port.get("number") or port.get("name") or ""), 63),
    )


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
    "ingresses": (
        "/apis/networking.k8s.io/v1/ingresses",
        "/apis/networking.k8s.io/v1/namespaces/{}/ingresses",
        ingress_row,
    ),
    "events": ("/api/v1/events", "/api/v1/namespaces/{}/events", probe_row),
}
SELECTED = {"events": {"fieldSelector": "reason=Unhealthy"}}  # of the events only those of probes


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
