"""Objects from manifest files instead of a cluster: YAML or JSON, several documents, Lists; workloads stand for the
pods that they make, Endpoints for EndpointSlices. Rows are those of the inventory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from collectors.cluster.inventory.row_builders import KINDS, built
from collectors.errors import ConfigError
from collectors.events import Row
from collectors.sanitize import sanitize

OF_KIND = {
    "Pod": "pods",
    "Namespace": "namespaces",
    "Service": "services",
    "EndpointSlice": "endpointslices",
    "NetworkPolicy": "networkpolicies",
    "Node": "nodes",
}
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "ReplicationController")
LARGEST = 64 << 20
Object = Mapping[str, Any]


def _objects(document: object) -> Iterator[Object]:
    if not isinstance(document, Mapping):
        return
    if isinstance(items := document.get("items"), list):
        kind = str(document.get("kind") or "")
        for item in items:
            if isinstance(
                item, Mapping
            ):  # kubectl get -o json leaves the kind out of items of a typed list
                yield from _objects({"kind": kind.removesuffix("List"), **item})
    else:
        yield document


def _pod_of(item: Object) -> Object:
    """A pod as a workload would make it, named after the workload."""
    spec = item.get("spec") or {}
    if item.get("kind") == "CronJob":
        spec = ((spec.get("jobTemplate") or {}).get("spec")) or {}
    template = spec.get("template") or {}
    metadata = item.get("metadata") or {}
    labels = (template.get("metadata") or {}).get("labels")
    return {
        "metadata": {
            "name": metadata.get("name"),
            "namespace": metadata.get("namespace"),
            "labels": labels,
        },
        "spec": template.get("spec") or {},
    }


def _mirrored(item: Object) -> Iterator[Object]:
    """Endpoints as the EndpointSlices that a cluster makes of them."""
    meta = item.get("metadata") or {}
    for subset in item.get("subsets") or ():
        lists = (
            (subset.get("addresses") or (), True),
            (subset.get("notReadyAddresses") or (), False),
        )
        endpoints = [
            {
                "addresses": [entry.get("ip")],
                "conditions": {"ready": ready},
                "nodeName": entry.get("nodeName"),
                "targetRef": entry.get("targetRef"),
            }
            for entries, ready in lists
            for entry in entries
        ]
        labels = {"kubernetes.io/service-name": meta.get("name")}
        yield {
            "metadata": {**meta, "labels": labels},
            "endpoints": endpoints,
            "ports": subset.get("ports"),
        }


def _with_namespace(item: Object, kind: str) -> Object:
    metadata = item.get("metadata") or {}
    if kind in ("namespaces", "nodes") or metadata.get("namespace"):
        return item
    return {**item, "metadata": {**metadata, "namespace": "default"}}


def read(paths: Iterable[Path]) -> dict[str, list[Row]]:
    """The rows of each kind of KINDS in some files; ConfigError where one cannot be read."""
    found: dict[str, list[Object]] = {kind: [] for kind in KINDS}
    for path in paths:
        for item in _file(path):
            name = str(item.get("kind") or "")
            if name in WORKLOADS or name == "CronJob":
                name, item = "Pod", _pod_of(item)
            if name == "Endpoints":
                found["endpointslices"] += [
                    _with_namespace(part, "endpointslices") for part in _mirrored(item)
                ]
            elif kind := OF_KIND.get(name):
                found[kind].append(_with_namespace(item, kind))
    rows = {}
    for kind, items in found.items():
        rows[kind], odd = built(kind, items)
        if odd:
            raise ConfigError(
                f"{odd} of the {kind} in the manifests are not of the shape that their API has."
            )
    return rows


def _file(path: Path) -> Iterator[Object]:
    try:
        if path.stat().st_size > LARGEST:
            raise ConfigError(
                f"The manifest {sanitize(str(path), 200)} is larger than {LARGEST >> 20} MiB."
            )
        text = path.read_text()
        documents = list(yaml.load_all(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    except OSError as error:
        raise ConfigError(
            f"The manifest {sanitize(str(path), 200)} cannot be read: {error.strerror}."
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        first = sanitize(str(error).splitlines()[0] if str(error) else type(error).__name__, 200)
        raise ConfigError(
            f"The manifest {sanitize(str(path), 200)} is not YAML or JSON: {first}."
        ) from None
    for document in documents:
        yield from _objects(document)
