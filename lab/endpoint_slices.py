"""The EndpointSlice controller: Services and pods become slices, one for each list of ports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from lab.api import defaults
from lab.api.selectors import matches_labels
from lab.api.store import Object, ObjectStore
from lab.ownership import is_ready, is_synthetic, owned_by, owner, real_pods, remove_unowned

MANAGED_BY = "endpointslice-controller.k8s.io"


class EndpointSlices:
    """Keeps the slices of all Services with a selector; `zones` are those of the nodes."""

    def __init__(self, store: ObjectStore, zones: dict[str, str]) -> None:
        self.store = store
        self.zones = zones

    def remove_orphans(self) -> None:
        services = {service["metadata"]["uid"] for service in self.store.items("services")}
        remove_unowned(self.store, "endpointslices", services)

    def update(self, service: Object) -> None:
        if not service["spec"].get("selector") or is_synthetic(service):
            return
        metadata = service["metadata"]
        groups = self._by_ports(service) or [([], [])]
        known = [
            item
            for item in self.store.items("endpointslices", metadata["namespace"])
            if owned_by(item) == metadata["uid"]
        ]
        for index, (ports, endpoints) in enumerate(groups):
            existing = known[index] if index < len(known) else None
            self._put(service, existing, ports, endpoints)
        for extra in known[len(groups) :]:
            self.store.remove("endpointslices", metadata["namespace"], extra["metadata"]["name"])

    def _by_ports(self, service: Object) -> list[tuple[list[Object], list[Object]]]:
        """(ports, endpoints): pods whose named ports have different numbers are in different
        slices."""
        groups: dict[str, tuple[list[Object], list[Object]]] = {}
        for pod in self._backends(service):
            ports = [port_of(port, pod) for port in service["spec"].get("ports", ())]
            endpoints = groups.setdefault(json.dumps(ports), (ports, []))[1]
            endpoints.append(self._endpoint(pod))
        return list(groups.values())

    def _backends(self, service: Object) -> Iterator[Object]:
        """Running pods with an address that the Service selects."""
        selector = service["spec"]["selector"]
        for pod in real_pods(self.store, service["metadata"]["namespace"]):
            status = pod.get("status", {})
            running = status.get("podIP") and status["phase"] == "Running"
            if running and matches_labels(selector, pod):
                yield pod

    def _endpoint(self, pod: Object) -> Object:
        ready, ending = is_ready(pod), bool(pod["metadata"].get("deletionTimestamp"))
        node = pod["spec"]["nodeName"]
        reference = {"kind": "Pod", **{k: pod["metadata"][k] for k in ("namespace", "name", "uid")}}
        return {
            "addresses": [pod["status"]["podIP"]],
            "conditions": {"ready": ready and not ending, "serving": ready, "terminating": ending},
            "targetRef": reference,
            "nodeName": node,
            "zone": self.zones.get(node, ""),
        }

    def _put(
        self, service: Object, known: Object | None, ports: list[Object], endpoints: list[Object]
    ) -> None:
        if known is None:
            metadata = new_metadata(service)
        elif (known.get("ports"), known.get("endpoints")) == (ports, endpoints):
            return
        else:
            generation = known["metadata"].get("generation", 1) + 1
            metadata = {**known["metadata"], "generation": generation}
        body = {"metadata": metadata, "addressType": "IPv4", "endpoints": endpoints, "ports": ports}
        self.store.put("endpointslices", body)


def new_metadata(service: Object) -> Object:
    name = service["metadata"]["name"]
    return {
        "name": f"{name}-{defaults.suffix()}",
        "generateName": f"{name}-",
        "namespace": service["metadata"]["namespace"],
        "generation": 1,
        "labels": {
            "endpointslice.kubernetes.io/managed-by": MANAGED_BY,
            "kubernetes.io/service-name": name,
        },
        "ownerReferences": [owner("Service", service)],
    }


def port_of(port: Object, pod: Object) -> Object:
    """A Service's port at one of its pods; without a number where the pod names no such port."""
    target: Any = port.get("targetPort", port["port"])
    if isinstance(target, str) and not target.isdigit():
        target = named_port(target, pod)
    found = {"name": port.get("name", ""), "protocol": port.get("protocol", "TCP")}
    return {**found, "port": int(target)} if target is not None else found


def named_port(name: str, pod: Object) -> int | None:
    for container in pod["spec"]["containers"]:
        for port in container.get("ports", ()):
            if port.get("name") == name:
                return int(port["containerPort"])
    return None
