"""What controllers would make of manifests: the pods of workloads, the slices of Endpoints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from collectors.cluster.api.fields import list_at
from collectors.cluster.inventory.object_fields import labels_of
from collectors.cluster.inventory.row_builders import pod_row, workload as owner_of
from collectors.cluster.inventory.service_rows import slice_row
from collectors.manifests import controller_labels
from collectors.manifests.controller_labels import ControllerLabels
from collectors.manifests.objects import ManifestObject
from collectors.manifests.owned_pods import Workload, selector_of
from collectors.objects import PodRow, SliceRow
from collectors.sanitize import sanitize

WORKLOADS = (
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "ReplicationController",
    "Job",
    "CronJob",
)
JOBS = ("Job", "CronJob")
MOST_ORDINALS = 5_000  # of a StatefulSet, up to which each has a row of its own


def workload_of(item: ManifestObject, namespace: str) -> Workload:
    return Workload(
        key=(namespace, f"{item.kind}/{item.name}"),
        owner=owner_of(item.metadata),
        selector=selector_of(item.kind, item.name, _spec(item)),
        rows=tuple(template_rows(item, namespace)),
    )


def template_rows(item: ManifestObject, namespace: str) -> Iterator[PodRow]:
    """Rows that stand for the pods of a workload, without addresses: one with the workload's name,
    of a StatefulSet one for each ordinal."""
    spec = _spec(item)
    labels = controller_labels.of(item.kind, item.metadata.get("name") or "", spec)
    row = _template_row(item.name, namespace, spec.get("template") or {}, labels)
    absent = _absent(item, spec)
    row = replace(
        row,
        workload=f"{item.kind}/{item.name}",
        replicas=0 if absent else _replicas(item.kind, spec),
        absent=absent,
        subdomain=sanitize(spec.get("serviceName") or "", 63) or row.subdomain,
    )
    if item.kind == "StatefulSet" and 0 < (row.replicas or 0) <= MOST_ORDINALS:
        yield from _by_ordinal(row, int((spec.get("ordinals") or {}).get("start") or 0))
    else:
        yield row


def _by_ordinal(row: PodRow, first: int) -> Iterator[PodRow]:
    for number in range(first, first + (row.replicas or 0)):
        name = f"{row.name}-{number}"
        own = {
            **dict(row.labels),
            controller_labels.POD_NAME: name,
            controller_labels.INDEX: str(number),
        }
        known = controller_labels.BY_ORDINAL
        yield replace(
            row,
            name=name,
            hostname=name,
            replicas=1,
            labels=labels_of(own),
            generated_labels=tuple(key for key in row.generated_labels if key not in known),
        )


def _template_row(
    name: str, namespace: str, template: dict[str, Any], labels: ControllerLabels
) -> PodRow:
    written = (template.get("metadata") or {}).get("labels") or {}
    own = {k: v for k, v in written.items() if k not in labels.unknown} | labels.known
    metadata = {"name": name, "namespace": namespace, "labels": own}
    row = pod_row({"metadata": metadata, "spec": template.get("spec") or {}})
    return replace(row, generated_labels=labels.unknown)


def _spec(item: ManifestObject) -> dict[str, Any]:
    """Of what makes the pods: a CronJob's is that of its Jobs."""
    spec: dict[str, Any] = item.body.get("spec") or {}
    if item.kind != "CronJob":
        return spec
    return (spec.get("jobTemplate") or {}).get("spec") or {}


def _replicas(kind: str, spec: dict[str, Any]) -> int:
    field = "parallelism" if kind in JOBS else "replicas"
    count = spec.get(field)
    return 1 if count is None else int(count)


def _absent(item: ManifestObject, spec: dict[str, Any]) -> str:
    """Why it has no pods, '' where it has."""
    if item.kind in JOBS and any(s.get("suspend") for s in (spec, item.body.get("spec") or {})):
        return "it is suspended (suspend: true)"
    if item.kind == "Job" and (ended := _end_of_job(item.body.get("status") or {})):
        return f"it has ended: {ended}"
    if _replicas(item.kind, spec) == 0:
        return f"{'parallelism' if item.kind in JOBS else 'replicas'}: 0"
    return ""


def _end_of_job(status: dict[str, Any]) -> str:
    """Complete or Failed, by its condition."""
    return next((kind for kind in _held(status) if kind in ("Complete", "Failed")), "")


def _held(status: dict[str, Any]) -> list[str]:
    """The conditions that hold."""
    conditions = list_at(status, "conditions")
    return [str(one.get("type")) for one in conditions if one.get("status") == "True"]


def slices_of(item: ManifestObject, namespace: str) -> Iterator[SliceRow]:
    """Endpoints as the EndpointSlices that a cluster makes of them, one for each subset."""
    for number, subset in enumerate(item.body.get("subsets") or ()):
        metadata = {
            "name": f"{item.name}-{number}",
            "namespace": namespace,
            "labels": {"kubernetes.io/service-name": item.name},
        }
        endpoints = [
            *_endpoints(subset.get("addresses"), ready=True),
            *_endpoints(subset.get("notReadyAddresses"), ready=False),
        ]
        ports = subset.get("ports")
        yield slice_row({"metadata": metadata, "endpoints": endpoints, "ports": ports})


def _endpoints(entries: Any, *, ready: bool) -> Iterator[dict[str, Any]]:
    for entry in entries or ():
        yield {
            "addresses": [entry.get("ip")],
            "conditions": {"ready": ready},
            "nodeName": entry.get("nodeName"),
            "targetRef": entry.get("targetRef"),
        }
