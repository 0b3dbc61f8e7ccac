"""Manifests instead of a cluster: files, directories or standard input, as the inventory's rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from collectors.cluster.api.foreign_kinds import foreign_kind
from collectors.cluster.inventory.foreign_policies import foreign_row
from collectors.cluster.inventory.row_builders import KINDS
from collectors.errors import ConfigError
from collectors.frozen import frozen
from collectors.manifests.api_kinds import CLUSTER_SCOPED
from collectors.manifests.documents import ManifestDocument
from collectors.manifests.json_documents import json_documents
from collectors.manifests.objects import ManifestObject, objects_in
from collectors.manifests.owned_pods import Workload, with_templates
from collectors.manifests.schema import MODELS
from collectors.manifests.sources import ManifestText, texts
from collectors.manifests.validation import check_objects
from collectors.manifests.workloads import WORKLOADS, slices_of, workload_of
from collectors.manifests.yaml_documents import yaml_documents
from collectors.objects import ForeignPolicyRow, PodRow, Row, SliceRow

OF_KIND = {
    "Pod": "pods",
    "Namespace": "namespaces",
    "Node": "nodes",
    "Service": "services",
    "EndpointSlice": "endpointslices",
    "NetworkPolicy": "networkpolicies",
    "Ingress": "ingresses",
}
NAME_LABEL = "kubernetes.io/metadata.name"  # that the API server gives every namespace
LARGEST_YAML = 24 << 20  # characters, which are read in 30 s
FLOW_YAML = 1 << 20  # characters up to which what looks like JSON, and is not, is tried as YAML


@frozen
class Manifests:
    """What some manifests hold.

    `rows` has every kind of the inventory. The labels of a namespace that is not in
    `known_namespaces` are unknown. `others` are the names (NAMESPACE/NAME) of the objects that are
    neither, by apiVersion and kind.
    """

    rows: Mapping[str, list[Row]]
    foreign: tuple[ForeignPolicyRow, ...]
    known_namespaces: frozenset[str]
    others: Mapping[tuple[str, str], tuple[str, ...]]


def read(paths: Iterable[Path], namespace: str = "default") -> Manifests:
    """The objects of some manifests; of two of one name the later counts, as with kubectl apply.

    `namespace` is that of objects that name none. ConfigError, with file, line and field, for what
    cannot be read or what the API server would refuse.
    """
    objects = [item for text in texts(paths) for doc in documents(text) for item in objects_in(doc)]
    if not objects:
        raise ConfigError("There is no object in what was given with -f.")
    check_objects(objects)
    collected = _Collected(namespace)
    for item in _latest(objects, namespace):
        collected.add(item)
    return collected.result()


def documents(source: ManifestText) -> Iterator[ManifestDocument]:
    """JSON where it looks like JSON; what only looks so may be YAML in its flow style."""
    looks_like_json = source.text.lstrip()[:1] in ("{", "[")
    if source.suffix == ".json":
        yield from list(json_documents(source.name, source.text))
    elif looks_like_json:
        yield from _json_or_flow_yaml(source)
    else:
        yield from yaml_documents(source.name, _bounded(source))


def _bounded(source: ManifestText) -> str:
    if len(source.text) > LARGEST_YAML:
        raise ConfigError(
            f"{source.name} is YAML of more than {LARGEST_YAML >> 20} MiB: give it as JSON "
            "(`kubectl get -o json`), which is read twenty times as fast."
        )
    return source.text


def _json_or_flow_yaml(source: ManifestText) -> list[ManifestDocument]:
    try:
        return list(json_documents(source.name, source.text))
    except ConfigError:
        if len(source.text) > FLOW_YAML:
            raise
    return list(yaml_documents(source.name, source.text))


def _latest(objects: list[ManifestObject], namespace: str) -> Iterable[ManifestObject]:
    found: dict[tuple[str, str, str, str], ManifestObject] = {}
    for number, item in enumerate(objects):
        key = _identity(item, number, namespace)
        found.pop(key, None)
        found[key] = item
    return found.values()


def _identity(item: ManifestObject, number: int, namespace: str) -> tuple[str, str, str, str]:
    """Group, kind, namespace and name; generated names all differ."""
    group = item.api_version.rpartition("/")[0]
    name = str(item.metadata.get("name") or f"\0{number}")
    return group, item.kind, _namespace_of(item, namespace), name


def _namespace_of(item: ManifestObject, default: str) -> str:
    if item.kind in CLUSTER_SCOPED:
        return ""
    return item.namespace or default


@dataclass(slots=True)
class _Collected:
    namespace: str
    rows: dict[str, list[Row]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    foreign: list[ForeignPolicyRow] = field(default_factory=list)
    workloads: list[Workload] = field(default_factory=list)
    mirrored: list[SliceRow] = field(default_factory=list)  # of Endpoints
    others: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    def add(self, item: ManifestObject) -> None:
        namespace = _namespace_of(item, self.namespace)
        if (item.api_version, item.kind) not in MODELS:
            self._add_other(item, namespace)
        elif item.kind in WORKLOADS:
            self.workloads.append(workload_of(item, namespace))
        elif item.kind == "Endpoints":
            self.mirrored += slices_of(item, namespace)
        else:
            kind = OF_KIND[item.kind]
            self.rows[kind].append(_row(item, kind, namespace))

    def _add_other(self, item: ManifestObject, namespace: str) -> None:
        foreign = foreign_kind(item.api_version, item.kind)
        if foreign is not None:
            self._add_foreign(item, namespace if foreign.namespaced else "")
            return
        key, name = (item.api_version, item.kind), f"{namespace}/{item.name}"
        self.others[key] = (*self.others.get(key, ()), name)

    def _add_foreign(self, item: ManifestObject, namespace: str) -> None:
        body = _placed(item, namespace)
        try:
            self.foreign.append(foreign_row(body, item.api_version, item.kind))
        except (ValueError, TypeError, AttributeError) as error:
            raise ConfigError(item.problem(("spec",), str(error))) from None

    def result(self) -> Manifests:
        pods = (row for row in self.rows["pods"] if isinstance(row, PodRow))
        self.rows["pods"] = list(with_templates(pods, self.workloads))
        sliced = {(row.namespace, row.service) for row in self._slices()}
        self.rows["endpointslices"] += [
            row for row in self.mirrored if (row.namespace, row.service) not in sliced
        ]
        known = frozenset(row.name for row in self.rows["namespaces"])
        return Manifests(self.rows, tuple(self.foreign), known, self.others)

    def _slices(self) -> Iterator[SliceRow]:
        yield from (row for row in self.rows["endpointslices"] if isinstance(row, SliceRow))


def _row(item: ManifestObject, kind: str, namespace: str) -> Row:
    build = KINDS[kind][2]
    try:
        return build(_placed(item, namespace))
    except (AttributeError, TypeError, ValueError, KeyError, IndexError):
        reason = "is not of the shape that its API has"
        raise ConfigError(item.problem((), reason)) from None


def _placed(item: ManifestObject, namespace: str) -> dict[str, object]:
    """The object in its namespace; a Namespace with the label that the API server gives it."""
    metadata = {**item.metadata, "namespace": namespace}
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = f"{metadata['generateName']}*"  # the API server gives it the rest
    if item.kind == "Namespace":
        labels = {**(item.metadata.get("labels") or {}), NAME_LABEL: item.metadata["name"]}
        metadata = {**item.metadata, "labels": labels}
    return {**item.body, "metadata": metadata}
