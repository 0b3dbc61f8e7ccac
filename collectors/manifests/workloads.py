"""What controllers would make of manifests: the pods of workloads, the slices of Endpoints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from collectors.cluster.inventory.row_builders import pod_row, slice_row
from collectors.manifests.objects import ManifestObject
from collectors.objects import PodRow, SliceRow

WORKLOADS = (
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "ReplicationController",
    "Job",
    "CronJob",
)


def pods_of(item: ManifestObject, namespace: str) -> PodRow:
    """A row that stands for the pods of a workload: its name, no address, `replicas` of them."""
    spec = item.body.get("spec") or {}
    if item.kind == "CronJob":
        spec = (spec.get("jobTemplate") or {}).get("spec") or {}
    template = spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels")
    metadata = {"name": item.name, "namespace": namespace, "labels": labels}
    row = pod_row({"metadata": metadata, "spec": template.get("spec") or {}})
    return replace(row, workload=f"{item.kind}/{item.name}", replicas=_replicas(item.kind, spec))


def _replicas(kind: str, spec: dict[str, Any]) -> int:
    if kind in ("Job", "CronJob"):
        return 0 if spec.get("suspend") else int(spec.get("parallelism", 1) or 0)
    count = spec.get("replicas")
    return 1 if count is None else int(count)


def slices_of(item: ManifestObject, namespace: str) -> Iterator[SliceRow]:
    """Endpoints as the EndpointSlices that a cluster makes of them, one for each subset."""
    for number, subset in enumerate(item.body.get("subsets") or ()):
        yield slice_row(
            {
                "metadata": {
                    "name": f"{item.name}-{number}",
                    "namespace": namespace,
                    "labels": {"kubernetes.io/service-name": item.name},
                },
                "endpoints": [
                    *_endpoints(subset.get("addresses"), ready=True),
                    *_endpoints(subset.get("notReadyAddresses"), ready=False),
                ],
                "ports": subset.get("ports"),
            }
        )


def _endpoints(entries: Any, *, ready: bool) -> Iterator[dict[str, Any]]:
    for entry in entries or ():
        yield {
            "addresses": [entry.get("ip")],
            "conditions": {"ready": ready},
            "nodeName": entry.get("nodeName"),
            "targetRef": entry.get("targetRef"),
        }
