"""Objects of the API as rows. A builder may fail on an odd object: `built` passes over it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

from collectors.cluster.api.fields import annotations_of, list_at, mapping_at, text_at
from collectors.cluster.inventory.named_services import named_services
from collectors.cluster.inventory.object_facts import changed, program, seconds
from collectors.cluster.inventory.object_fields import (
    Object,
    Texts,
    addresses_of,
    checked_address,
    checked_ranges,
    container_port,
    labels_of,
    name_of,
)
from collectors.cluster.inventory.service_rows import service_row, slice_row
from collectors.objects import (
    Backend,
    ContainerPort,
    IngressRow,
    NamespaceRow,
    NodeRow,
    PodRow,
    PolicyRow,
    ProbeRow,
    Row,
)
from collectors.sanitize import sanitize

BEGINS_S = 2.0  # after which a pod's first conditions are written
QUANTITIES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
QUANTITY_SUFFIXES = "kKMGi"
ZONE = "topology.kubernetes.io/zone"


# what building a row of an object raises whose fields are not what their API promises
ODD_SHAPES = (AttributeError, TypeError, ValueError, KeyError, IndexError)


def _container_statuses(status: Object) -> Iterator[Object]:
    yield from list_at(status, "containerStatuses")
    yield from list_at(status, "initContainerStatuses")


def pod_reason(status: Object) -> str:
    """The word kubectl shows: a waiting or ending container's reason before the phase; of an init
    container as `Init:CrashLoopBackOff`."""
    if _is_initializing(status) and (reason := _first_reason(status, "initContainerStatuses")):
        return f"Init:{reason}"
    reasons = chain.from_iterable(map(_reasons, _container_statuses(status)))
    shown = next((reason for reason in reasons if reason and reason != "Completed"), "")
    return str(shown or status.get("reason") or status.get("phase") or "Unknown")


def _is_initializing(status: Object) -> bool:
    """Whether its containers wait for an init container."""
    return _first_reason(status, "containerStatuses") == "PodInitializing"


def _first_reason(status: Object, of: str) -> object:
    """Of containers that have not completed; '' for none."""
    reasons = chain.from_iterable(map(_reasons, list_at(status, of)))
    return next((reason for reason in reasons if reason and reason != "Completed"), "")


def _reasons(entry: Object) -> list[object]:
    """Of a container's status: why it waits, and why it has ended."""
    return [mapping_at(entry, "state", kind).get("reason") for kind in ("waiting", "terminated")]


def workload(metadata: Object) -> str:
    """What a pod belongs to: a ReplicaSet named after its Deployment stands for that.

    '' for a bare pod.
    """
    owner = _controller(metadata)
    if owner is None:
        return ""
    kind, name = str(owner.get("kind") or ""), str(owner.get("name") or "")
    deployment = _deployment(name, metadata) if kind == "ReplicaSet" else ""
    return sanitize(f"Deployment/{deployment}" if deployment else f"{kind}/{name}", 300)


def _controller(metadata: Object) -> Object | None:
    owners = list_at(metadata, "ownerReferences")
    return next((owner for owner in owners if owner.get("controller")), None)


def _deployment(replica_set: str, metadata: Object) -> str:
    """The Deployment after which a ReplicaSet is named, '' where it is not."""
    template = mapping_at(metadata, "labels").get("pod-template-hash")
    ending = f"-{template}"
    return replica_set.removesuffix(ending) if template and replica_set.endswith(ending) else ""


def _containers(spec: Object) -> list[Object]:
    """Those that run as long as the pod: sidecars (restartPolicy Always), too."""
    sidecars = [c for c in list_at(spec, "initContainers") if c.get("restartPolicy") == "Always"]
    return [*list_at(spec, "containers"), *sidecars]


def _ready(spec: Object, status: Object) -> str:
    """`1/2` as kubectl shows it. A kubelet always lists each container; a manifest may not."""
    containers = _containers(spec)
    wanted = len(containers)
    if status.get("containerStatuses") is None and status.get("phase") == "Running":
        return f"{wanted if _is_ready(status) else 0}/{wanted}"
    names = {container.get("name") for container in containers}
    ready = sum(bool(entry.get("ready")) for entry in _lasting(status, names))
    return f"{ready}/{wanted}"


def _lasting(status: Object, names: set[Any]) -> list[Object]:
    """The statuses of containers that run as long as the pod; `names` are theirs."""
    sidecars = [e for e in list_at(status, "initContainerStatuses") if e.get("name") in names]
    return [*list_at(status, "containerStatuses"), *sidecars]


def _is_ready(status: Object) -> bool:
    """By its condition; a manifest that has none says nothing against it."""
    return [condition.get("status") for condition in _ready_conditions(status)] in ([], ["True"])


def _ready_conditions(status: Object) -> list[Object]:
    return [one for one in list_at(status, "conditions") if one.get("type") == "Ready"]


def pod_row(item: Object) -> PodRow:
    metadata, spec, status = (mapping_at(item, part) for part in ("metadata", "spec", "status"))
    ended = status.get("phase") in ("Succeeded", "Failed")
    return PodRow(
        namespace=name_of(item, "namespace"),
        name=name_of(item),
        uid=name_of(item, "uid"),
        node=text_at(spec, "nodeName", 253),
        ip="" if ended else checked_address(status.get("podIP")),
        phase=_phase(metadata, status),
        ready=_ready(spec, status),
        restarts=_restarts(status),
        created=seconds(metadata.get("creationTimestamp") or ""),
        host_network=bool(spec.get("hostNetwork")),
        ips=() if ended else _pod_ips(status),
        workload=workload(metadata),
        labels=labels_of(metadata.get("labels")),
        ports=_container_ports(spec),
        message=_message(status),
        ended=ended,
        host_ips=_host_ips(status),
        dns_policy=text_at(spec, "dnsPolicy", 40),
        nameservers=addresses_of(mapping_at(spec, "dnsConfig").get("nameservers")),
        hostname=text_at(spec, "hostname", 63),
        subdomain=text_at(spec, "subdomain", 63),
        program=program(_containers(spec)),
        host_aliases=tuple(_host_aliases(spec)),
        asks=named_services(_containers(spec)),
        never_ready=_never_ready(status),
        egress_limit=_bandwidth(metadata, "egress"),
        ingress_limit=_bandwidth(metadata, "ingress"),
    )


def _host_aliases(spec: Object) -> Iterator[tuple[str, str]]:
    for entry in list_at(spec, "hostAliases"):
        for name in list_at(entry, "hostnames"):
            yield sanitize(name, 253).rstrip(".").lower(), checked_address(entry.get("ip"))


def _phase(metadata: Object, status: Object) -> str:
    return sanitize("Terminating" if _is_deleted(metadata) else pod_reason(status), 60)


def _pod_ips(status: Object) -> tuple[str, ...]:
    found = (checked_address(entry.get("ip")) for entry in list_at(status, "podIPs"))
    return tuple(filter(None, found))


def _container_ports(spec: Object) -> tuple[ContainerPort, ...]:
    ports = chain.from_iterable(list_at(one, "ports") for one in _containers(spec))
    return tuple(container_port(port, "containerPort") for port in ports)


def _bandwidth(metadata: Object, direction: str) -> int:
    """Bits a second that the CNI's bandwidth plugin is to allow; 0 for no limit, and for what is
    no quantity."""
    annotations = mapping_at(metadata, "annotations")
    text = text_at(annotations, f"kubernetes.io/{direction}-bandwidth", 20)
    number = text.rstrip(QUANTITY_SUFFIXES)
    factor = QUANTITIES.get(text[len(number) :], 0)
    return int(float(number) * factor) if number.replace(".", "", 1).isdecimal() else 0


def _never_ready(status: Object) -> bool:
    """Whether its Ready condition has not changed since the kubelet began with it."""
    began = seconds(status.get("startTime") or "")
    return bool(began) and any(
        condition.get("status") == "False" and _turned(condition) - began <= BEGINS_S
        for condition in _ready_conditions(status)
    )


def _turned(condition: Object) -> float:
    return seconds(condition.get("lastTransitionTime") or "")


def _host_ips(status: Object) -> tuple[str, ...]:
    """The addresses of its node, of both families where both are given."""
    return addresses_of(
        e.get("ip") for e in status.get("hostIPs") or [{"ip": status.get("hostIP")}]
    )


def _restarts(status: Object) -> int:
    """Of what runs now: of the init containers while the others wait for them."""
    of = "initContainerStatuses" if _is_initializing(status) else "containerStatuses"
    return sum(int(e.get("restartCount") or 0) for e in status.get(of) or ())


def _message(status: Object) -> str:
    """What the kubelet says of a container that does not run, or of its last end."""
    messages = chain.from_iterable(map(_messages, _container_statuses(status)))
    return sanitize(next((message for message in messages if message), ""), 300)


def _messages(entry: Object) -> Iterator[Any]:
    """How it ended, before that it waits to be started again."""
    state, last = mapping_at(entry, "state"), mapping_at(entry, "lastState", "terminated")
    waiting = mapping_at(state, "waiting")
    before = (last,) if waiting.get("reason") == "CrashLoopBackOff" else ()
    for ended in (mapping_at(state, "terminated"), *before):
        yield _out_of_memory(ended) or ended.get("message")
    yield waiting.get("message")
    yield last.get("message")


def _out_of_memory(ended: Object) -> str:
    """The kubelet says it by the reason alone."""
    return "OOMKilled" if ended.get("reason") == "OOMKilled" else ""


def node_row(item: Object) -> NodeRow:
    status, labels = mapping_at(item, "status"), mapping_at(item, "metadata", "labels")
    info = mapping_at(status, "nodeInfo")
    return NodeRow(
        name=name_of(item),
        address=_address(status, "InternalIP"),
        zone=text_at(labels, ZONE, 63),
        ready=any(one.get("status") == "True" for one in _ready_conditions(status)),
        os=text_at(info, "operatingSystem", 20),
        arch=text_at(info, "architecture", 20),
        pod_cidrs=checked_ranges(list_at(item, "spec", "podCIDRs")),
        kernel=text_at(info, "kernelVersion", 80),
        labels=labels_of(labels),
        addresses=_addresses(status, ("InternalIP", "ExternalIP")),
    )


def _address(status: Object, kind: str) -> str:
    """Of several the last."""
    found = _addresses(status, (kind,))
    return found[-1] if found else ""


def _addresses(status: Object, kinds: Texts) -> Texts:
    """An entry may have no address."""
    return addresses_of(
        entry.get("address") for entry in list_at(status, "addresses") if entry.get("type") in kinds
    )


def namespace_row(item: Object) -> NamespaceRow:
    metadata = mapping_at(item, "metadata")
    labels = labels_of(metadata.get("labels"))
    return NamespaceRow(name_of(item), labels=labels, terminating=_is_deleted(metadata))


def _is_deleted(metadata: Object) -> bool:
    """Whether it was asked to go; finalizers may keep it."""
    return bool(metadata.get("deletionTimestamp"))


def policy_row(item: Object) -> PolicyRow:
    spec = mapping_at(item, "spec")
    text = json.dumps(spec, separators=(",", ":"), ensure_ascii=True)
    written = changed(mapping_at(item, "metadata"))
    return PolicyRow(name_of(item, "namespace"), name_of(item), text, written)


def probe_row(item: Object) -> ProbeRow:
    """An Event; those that are reported in series (events.k8s.io) have count and time elsewhere."""
    series = mapping_at(item, "series")
    return ProbeRow(
        namespace=name_of(item, "namespace"),
        name=name_of(item),
        pod=text_at(mapping_at(item, "involvedObject"), "name", 253),
        message=text_at(item, "message", 400),
        count=int(item.get("count") or series.get("count") or 1),
        last=_last_seen(item, series),
    )


def _last_seen(event: Object, series: Object) -> float:
    times = (event.get("lastTimestamp"), series.get("lastObservedTime"), event.get("eventTime"))
    return seconds(next(filter(None, times), ""))


ANNOTATIONS = ("nginx.ingress.kubernetes.io/limit-", "nginx.org/limit-req-")


def ingress_row(item: Object) -> IngressRow:
    spec, annotations = mapping_at(item, "spec"), annotations_of(item)
    kept = {key: str(text) for key, text in annotations.items() if key.startswith(ANNOTATIONS)}
    return IngressRow(
        namespace=name_of(item, "namespace"),
        name=name_of(item),
        class_name=_class_name(spec, annotations),
        backends=tuple(_backends(spec)),
        annotations=labels_of(kept),
        tls=bool(spec.get("tls")),
    )


def _class_name(spec: Object, annotations: Object) -> str:
    name = spec.get("ingressClassName") or annotations.get("kubernetes.io/ingress.class")
    return sanitize(name or "", 253)


def _backends(spec: Object) -> Iterator[Backend]:
    if spec.get("defaultBackend"):
        yield _backend("", "", spec["defaultBackend"])
    for rule in list_at(spec, "rules"):
        yield from _rule_backends(rule)


def _rule_backends(rule: Object) -> Iterator[Backend]:
    host = text_at(rule, "host", 253)
    for path in list_at(rule, "http", "paths"):
        shown = sanitize(path.get("path") or "/", 200)
        yield _backend(host, shown, mapping_at(path, "backend"))


def _backend(host: str, path: str, backend: Object) -> Backend:
    service = mapping_at(backend, "service")
    return Backend(host, path, text_at(service, "name", 253), _backend_port(service))


def _backend_port(service: Object) -> str:
    port = mapping_at(service, "port")
    return sanitize(str(port.get("number") or port.get("name") or ""), 63)


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
    return built_by(KINDS[kind][2], items)


def built_by(build: Callable[[Object], Row], items: Iterable[Object]) -> tuple[list[Row], int]:
    rows: list[Row] = []
    odd = 0
    for item in items:
        try:
            rows.append(build(item))
        except ODD_SHAPES:
            odd += 1
    return rows, odd
