"""The EndpointSlice controller: Services and pods become slices, one for each list of ports."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from lab.api import defaults
from lab.api.metadata import (
    generation_of,
    is_ending,
    namespace_of,
    node_of,
    place_of,
    ports_of,
    uid_of,
)
from lab.api.selectors import matches_labels
from lab.api.store import Object, ObjectStore, now
from lab.families import IPV4, Family, named, pod_ips
from lab.ownership import (
    is_ready,
    is_synthetic,
    owned_by,
    owner,
    pod_reference,
    real_pods,
    remove_unowned,
)

TRIGGERED = "endpoints.kubernetes.io/last-change-trigger-time"
MANAGED = {"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}


@dataclass(slots=True)
class EndpointGroup:
    """What has the same ports."""

    ports: list[Object]
    endpoints: list[Object] = field(default_factory=list)

    def is_in(self, known: Object) -> bool:
        """Whether a slice has just these."""
        return (known.get("ports"), known.get("endpoints")) == (self.ports, self.endpoints)


class EndpointSlices:
    """Keeps the slices of all Services with a selector; `zones` are those of the nodes."""

    def __init__(self, store: ObjectStore, zones: dict[str, str]) -> None:
        self.store = store
        self.zones = zones

    def remove_orphans(self) -> None:
        services = set(map(uid_of, self.store.items("services")))
        remove_unowned(self.store, "endpointslices", services)

    def update(self, service: Object) -> None:
        if not service["spec"].get("selector") or is_synthetic(service):
            return
        known = self._slices_of(service)
        families = service["spec"].get("ipFamilies") or [IPV4.name]
        for family in families:
            self._update(service, named(family), _of_family(known, family))
        self._remove_all(item for item in known if item["addressType"] not in families)

    def _slices_of(self, service: Object) -> list[Object]:
        items = self.store.items("endpointslices", namespace_of(service))
        return [item for item in items if owned_by(item) == uid_of(service)]

    def _remove_all(self, items: Iterable[Object]) -> None:
        for item in items:
            self.store.remove("endpointslices", *place_of(item))

    def _update(self, service: Object, family: Family, known: list[Object]) -> None:
        groups = self._by_ports(service, family) or [EndpointGroup([])]
        for group, existing in zip(groups, (*known, *[None] * len(groups)), strict=False):
            self._put(service, existing, family, group)
        self._remove_all(known[len(groups) :])

    def _by_ports(self, service: Object, family: Family) -> list[EndpointGroup]:
        """Pods whose named ports have different numbers are in different slices."""
        groups: dict[str, EndpointGroup] = {}
        for pod in self._backends(service, family):
            ports = [port_of(port, pod) for port in service["spec"].get("ports", ())]
            group = groups.setdefault(json.dumps(ports), EndpointGroup(ports))
            group.endpoints.append(self._endpoint(pod, family))
        return list(groups.values())

    def _backends(self, service: Object, family: Family) -> Iterator[Object]:
        """Running pods with an address of the family that the Service selects."""
        selector = service["spec"]["selector"]
        for pod in real_pods(self.store, namespace_of(service)):
            if _runs(pod, family) and matches_labels(selector, pod):
                yield pod

    def _endpoint(self, pod: Object, family: Family) -> Object:
        node = node_of(pod)
        return {
            "addresses": [family.of(pod_ips(pod))],
            "conditions": _conditions(is_ready(pod), is_ending(pod)),
            "targetRef": pod_reference(pod),
            "nodeName": node,
            "zone": self.zones.get(node, ""),
        }

    def _put(
        self, service: Object, known: Object | None, family: Family, group: EndpointGroup
    ) -> None:
        if known is None or not group.is_in(known):
            made = new_metadata(service) if known is None else next_metadata(known)
            metadata = {**made, "annotations": {TRIGGERED: now()}}
            body = {"metadata": metadata, "addressType": family.name}
            self.store.put("endpointslices", {**body, **asdict(group)})


def _of_family(slices: list[Object], family: str) -> list[Object]:
    return [item for item in slices if item["addressType"] == family]


def _runs(pod: Object, family: Family) -> bool:
    status = pod.get("status", {})
    return bool(family.of(pod_ips(pod))) and status["phase"] == "Running"


def _conditions(ready: bool, ending: bool) -> Object:
    return {"ready": ready and not ending, "serving": ready, "terminating": ending}


def next_metadata(item: Object) -> Object:
    return {**item["metadata"], "generation": generation_of(item) + 1}


def new_metadata(service: Object) -> Object:
    namespace, name = place_of(service)
    return {
        "name": f"{name}-{defaults.suffix()}",
        "generateName": f"{name}-",
        "namespace": namespace,
        "generation": 1,
        "labels": {**MANAGED, "kubernetes.io/service-name": name},
        "ownerReferences": [owner("Service", service)],
    }


def port_of(port: Object, pod: Object) -> Object:
    """A Service's port at one of its pods; without a number where the pod names no such port."""
    number = _number(port.get("targetPort", port["port"]), pod)
    found = {"name": port.get("name", ""), "protocol": port.get("protocol", "TCP")}
    return found if number is None else {**found, "port": number}


def _number(target: Any, pod: Object) -> int | None:
    is_name = isinstance(target, str) and not target.isdigit()
    return named_port(target, pod) if is_name else int(target)


def named_port(name: str, pod: Object) -> int | None:
    named = (port for port in ports_of(pod) if port.get("name") == name)
    return next((int(port["containerPort"]) for port in named), None)
