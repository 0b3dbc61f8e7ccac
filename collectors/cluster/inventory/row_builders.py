"""Objects of the API as rows. A builder may fail on an odd object: `built` passes over it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
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


def _container_statuses(status: Object) -> Iterator[Object]:
    yield from status.get("containerStatuses") or ()
    yield from status.get("initContainerStatuses") or ()


def pod_reason(status: Object) -> str:
    """The word kubectl shows: a waiting or ending container's reason before the phase."""
    for entry in _container_statuses(status):
        state = entry.get("state") or {}
        for kind in ("waiting", "terminated"):
            reason = (state.get(kind) or {}).get("reason")
            if reason and reason != "Completed":
                return str(reason)
    return str(status.get("reason") or status.get("phase") or "Unknown")


def workload(metadata: Object) -> str:
    """What a pod belongs to: a ReplicaSet named after its Deployment stands for that.

    '' for a bare pod.
    """
    owners = metadata.get("ownerReferences") or ()
    owner = next((owner for owner in owners if owner.get("controller")), None)
    if owner is None:
        return ""
    kind, name = str(owner.get("kind") or ""), str(owner.get("name") or "")
    template = str((metadata.get("labels") or {}).get("pod-template-hash") or "")
    if kind == "ReplicaSet" and template and name.endswith(f"-{template}"):
        kind, name = "Deployment", name[: -len(template) - 1]
    return sanitize(f"{kind}/{name}", 300)


def _containers(spec: Object) -> list[Object]:
    """Those that run as long as the pod: sidecars (restartPolicy Always), too."""
    sidecars = [c for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"]
    return [*(spec.get("containers") or ()), *sidecars]


def _ready(spec: Object, status: Object) -> str:
    """`1/2` as kubectl shows it. A kubelet always lists each container; a manifest may not."""
    containers = _containers(spec)
    names, wanted = {c.get("name") for c in containers}, len(containers)
    entries = status.get("containerStatuses")
    if entries is None and status.get("phase") == "Running":
        return f"{wanted if _is_ready(status) else 0}/{wanted}"
    sidecars = [e for e in status.get("initContainerStatuses") or () if e.get("name") in names]
    ready = sum(bool(entry.get("ready")) for entry in (*(entries or ()), *sidecars))
    return f"{ready}/{wanted}"


def _is_ready(status: Object) -> bool:
    """By its condition; a manifest that has none says nothing against it."""
    ready = [
        condition.get("status")
        for condition in status.get("conditions") or ()
        if condition.get("type") == "Ready"
    ]
    return ready in ([], ["True"])


def pod_row(item: Object) -> PodRow:
    metadata, spec, status = (item.get(part) or {} for part in ("metadata", "spec", "status"))
    ended = status.get("phase") in ("Succeeded", "Failed")
    addresses = [] if ended else [entry.get("ip") for entry in status.get("podIPs") or ()]
    phase = "Terminating" if metadata.get("deletionTimestamp") else pod_reason(status)
    return PodRow(
        namespace=_name(item, "namespace"),
        name=_name(item),
        uid=_name(item, "uid"),
        node=sanitize(spec.get("nodeName") or "", 253),
        ip="" if ended else sanitize(status.get("podIP") or "", 64),
        phase=sanitize(phase, 60),
        ready=_ready(spec, status),
        restarts=_restarts(status),
        created=_seconds(metadata.get("creationTimestamp") or ""),
        host_network=bool(spec.get("hostNetwork")),
        ips=tuple(sanitize(address or "", 64) for address in addresses),
        workload=workload(metadata),
        labels=labels_of(metadata.get("labels")),
        ports=tuple(
            _port(p, "containerPort") for c in _containers(spec) for p in c.get("ports") or ()
        ),
        message=_message(status),
        ended=ended,
        host_ips=_host_ips(status),
        dns_policy=sanitize(spec.get("dnsPolicy") or "", 40),
        nameservers=_addresses((spec.get("dnsConfig") or {}).get("nameservers")),
    )


def _host_ips(status: Object) -> tuple[str, ...]:
    """The addresses of its node, of both families where both are given."""
    return _addresses(e.get("ip") for e in status.get("hostIPs") or [{"ip": status.get("hostIP")}])


def _restarts(status: Object) -> int:
    return sum(int(e.get("restartCount") or 0) for e in status.get("containerStatuses") or ())


# replicas have equal labels: one tuple for all of them
_SHARED: dict[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]] = {}


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
        _int(port.get("hostPort")),
        sanitize(port.get("hostIP") or "", 64),
    )


def _message(status: Object) -> str:
    """What the kubelet says of a container that does not run, or of its last end."""
    for entry in _container_statuses(status):
        for when in ("state", "lastState"):
            state = entry.get(when) or {}
            for kind in ("terminated", "waiting"):
                if message := (state.get(kind) or {}).get("message"):
                    return sanitize(message, 300)
    return ""


def node_row(item: Object) -> NodeRow:
    status, metadata = item.get("status") or {}, item.get("metadata") or {}
    labels, info = metadata.get("labels") or {}, status.get("nodeInfo") or {}
    cidrs = (item.get("spec") or {}).get("podCIDRs") or ()
    return NodeRow(
        name=_name(item),
        address=sanitize(_address(status, "InternalIP"), 64),
        zone=sanitize(labels.get(ZONE) or "", 63),
        ready=any(
            c.get("type") == "Ready" and c.get("status") == "True"
            for c in status.get("conditions") or ()
        ),
        os=sanitize(info.get("operatingSystem") or "", 20),
        arch=sanitize(info.get("architecture") or "", 20),
        pod_cidrs=tuple(sanitize(cidr, 64) for cidr in cidrs),
        kernel=sanitize(info.get("kernelVersion") or "", 80),
        labels=labels_of(labels),
        addresses=tuple(
            sanitize(entry.get("address") or "", 64)
            for entry in status.get("addresses") or ()
            if entry.get("type") in ("InternalIP", "ExternalIP")
        ),
    )


def _address(status: Object, kind: str) -> str:
    addresses = {a.get("type"): a.get("address") for a in status.get("addresses") or ()}
    return str(addresses.get(kind) or "")


def namespace_row(item: Object) -> NamespaceRow:
    return NamespaceRow(_name(item), labels=labels_of(item.get("metadata", {}).get("labels")))


def service_row(item: Object) -> ServiceRow:
    spec = item.get("spec") or {}
    ports = spec.get("ports") or ()
    return ServiceRow(
        namespace=_name(item, "namespace"),
        name=_name(item),
        ips=tuple(sanitize(a, 64) for a in _cluster_ips(spec) if a != "None"),
        ports=tuple(sanitize(f"{p.get('port')}/{p.get('protocol') or 'TCP'}", 20) for p in ports),
        type=sanitize(spec.get("type") or "", 20),
        selector=labels_of(spec.get("selector")),
        targets=tuple(_service_port(port) for port in ports),
        external_policy=sanitize(spec.get("externalTrafficPolicy") or "", 20),
        internal_policy=sanitize(spec.get("internalTrafficPolicy") or "", 20),
        publish_not_ready=bool(spec.get("publishNotReadyAddresses")),
        external_name=sanitize(spec.get("externalName") or "", 253),
        distribution=sanitize(spec.get("trafficDistribution") or "", 40),
        outer_ips=_addresses(spec.get("externalIPs")) + _balancer_ips(item),
        balancer_ips=_balancer_ips(item),
        source_ranges=_addresses(spec.get("loadBalancerSourceRanges")),
        headless=spec.get("clusterIP") == "None" or _cluster_ips(spec) == ["None"],
        affinity=_affinity(spec),
        families=tuple(sanitize(one, 8) for one in spec.get("ipFamilies") or ()),
    )


def _affinity(spec: Object) -> str:
    """sessionAffinity, '' for the default."""
    given = spec.get("sessionAffinity") or "None"
    return "" if given == "None" else sanitize(given, 20)


def _cluster_ips(spec: Object) -> list[str]:
    single = spec.get("clusterIP")
    return list(spec.get("clusterIPs") or ([single] if single else []))


def _balancer_ips(item: Object) -> tuple[str, ...]:
    balancer = ((item.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    return _addresses(entry.get("ip") for entry in balancer)


def _addresses(texts: Iterable[object] | None) -> tuple[str, ...]:
    return tuple(sanitize(text, 64) for text in texts or () if text)


def _service_port(port: Object) -> ServicePort:
    number = _int(port.get("port"))
    return ServicePort(
        name=sanitize(port.get("name") or "", 63),
        number=number,
        protocol=sanitize(port.get("protocol") or "TCP", 8),
        target=sanitize(str(port.get("targetPort") or number), 63),
        node_port=_int(port.get("nodePort")),
    )


def slice_row(item: Object) -> SliceRow:
    labels = item.get("metadata", {}).get("labels") or {}
    # kube-proxy and DNS pass over names
    entries = () if item.get("addressType") == "FQDN" else item.get("endpoints") or ()
    endpoints = [endpoint for entry in entries for endpoint in _endpoints(entry)]
    return SliceRow(
        namespace=_name(item, "namespace"),
        name=_name(item),
        service=sanitize(labels.get("kubernetes.io/service-name") or "", 253),
        ready=tuple(endpoint.address for endpoint in endpoints if endpoint.ready),
        not_ready=tuple(endpoint.address for endpoint in endpoints if not endpoint.ready),
        ports=tuple(_port(port, "port") for port in item.get("ports") or ()),
        endpoints=tuple(endpoints),
    )


def _endpoints(entry: Object) -> list[Endpoint]:
    """One for each address of an entry. An absent condition means ready."""
    conditions = entry.get("conditions") or {}
    ready, serving = conditions.get("ready") is not False, conditions.get("serving")
    zones = (entry.get("hints") or {}).get("forZones") or ()
    return [
        Endpoint(
            address=sanitize(address, 64),
            ready=ready,
            node=sanitize(entry.get("nodeName") or "", 253),
            zone=sanitize(entry.get("zone") or "", 63),
            pod=sanitize((entry.get("targetRef") or {}).get("name") or "", 253),
            serving=ready if serving is None else bool(serving),
            terminating=bool(conditions.get("terminating")),
            hints=tuple(sanitize(zone.get("name") or "", 63) for zone in zones),
        )
        for address in entry.get("addresses") or ()
    ]


def policy_row(item: Object) -> PolicyRow:
    text = json.dumps(item.get("spec") or {}, separators=(",", ":"), ensure_ascii=True)
    meta = item.get("metadata") or {}
    times = [str(entry.get("time") or "") for entry in meta.get("managedFields") or ()]
    changed = max(_seconds(at) for at in (str(meta.get("creationTimestamp") or ""), *times))
    return PolicyRow(_name(item, "namespace"), _name(item), text, changed)


def probe_row(item: Object) -> ProbeRow:
    """An Event; those that are reported in series (events.k8s.io) have count and time elsewhere."""
    series, pod = item.get("series") or {}, item.get("involvedObject") or {}
    times = (item.get("lastTimestamp"), series.get("lastObservedTime"), item.get("eventTime"))
    return ProbeRow(
        namespace=_name(item, "namespace"),
        name=_name(item),
        pod=sanitize(pod.get("name") or "", 253),
        message=sanitize(item.get("message") or "", 400),
        count=int(item.get("count") or series.get("count") or 1),
        last=_seconds(next((at for at in times if at), "")),
    )


ANNOTATIONS = "nginx.ingress.kubernetes.io/limit-"


def ingress_row(item: Object) -> IngressRow:
    spec, annotations = (item.get("spec") or {}), item.get("metadata", {}).get("annotations") or {}
    class_name = spec.get("ingressClassName") or annotations.get("kubernetes.io/ingress.class")
    kept = {key: str(text) for key, text in annotations.items() if key.startswith(ANNOTATIONS)}
    return IngressRow(
        namespace=_name(item, "namespace"),
        name=_name(item),
        class_name=sanitize(class_name or "", 253),
        backends=tuple(_backends(spec)),
        annotations=labels_of(kept),
        tls=bool(spec.get("tls")),
    )


def _backends(spec: Object) -> Iterator[Backend]:
    if spec.get("defaultBackend"):
        yield _backend("", "", spec["defaultBackend"])
    for rule in spec.get("rules") or ():
        for path in (rule.get("http") or {}).get("paths") or ():
            backend = path.get("backend") or {}
            yield _backend(rule.get("host") or "", path.get("path") or "/", backend)


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
    """The rows of some objects, and how many were not of the shape that their API promises."""
    build = KINDS[kind][2]
    rows: list[Row] = []
    odd = 0
    for item in items:
        try:
            rows.append(build(item))
        except (AttributeError, TypeError, ValueError, KeyError, IndexError):
            odd += 1
    return rows, odd
