"""Which workloads of some manifests have their pods beside them: as in the output of `kubectl get
all`. The pods stand for their workload; a template stands in where there is none of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from collectors.frozen import frozen
from collectors.manifests.controller_labels import JOB_NAMES
from collectors.manifests.selector_rules import matches
from collectors.objects import PodRow

Key = tuple[str, str]  # namespace, KIND/NAME


@frozen
class Workload:
    """`owner` is what made it, KIND/NAME, '' for nothing. `selector` is a LabelSelector, empty
    where it selects nothing by itself."""

    key: Key
    owner: str
    selector: Mapping[str, Any]
    rows: tuple[PodRow, ...]  # of its template

    @property
    def owner_key(self) -> Key:
        return self.key[0], self.owner

    def may_own(self, pod: PodRow) -> bool:
        """Whether a pod that names no owner is one of its own."""
        if pod.namespace != self.key[0]:
            return False
        wanted = self.selector.get("matchLabels") or self.selector.get("matchExpressions")
        return bool(wanted) and matches(self.selector, dict(pod.labels))


def selector_of(kind: str, name: str, spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """That of a workload; of a ReplicationController it is labels alone."""
    given: Mapping[str, Any] = spec.get("selector") or {}
    if kind == "ReplicationController":
        return {"matchLabels": given}
    if not given and kind == "Job":
        return {"matchLabels": {JOB_NAMES[0]: name}}
    template = (spec.get("template") or {}).get("metadata") or {}
    return given or {"matchLabels": template.get("labels") or {}}


def with_templates(pods: Iterable[PodRow], workloads: Iterable[Workload]) -> list[PodRow]:
    """The pods, each under the workload that people know it by, and the templates of workloads of
    which there is none."""
    known = {one.key: one for one in workloads}
    owned = [_of_its_workload(pod, known) for pod in pods]
    present = {key for pod in owned for key in _chain(pod, known)}
    made = {one.key for one in known.values() if one.owner_key in known}
    alone = (one for one in known.values() if one.key not in present | made)
    return [*owned, *(row for one in alone for row in one.rows)]


def _of_its_workload(pod: PodRow, known: Mapping[Key, Workload]) -> PodRow:
    """A ReplicaSet's pod is its Deployment's; one that names no owner, and was printed by a
    server, is of a workload that selects it."""
    if not pod.workload and _is_printed(pod):
        found = _topmost(one for one in known.values() if one.may_own(pod))
        return replace(pod, workload=found.key[1]) if found else pod
    own = known.get((pod.namespace, pod.workload))
    if own and own.owner.startswith("Deployment/"):
        return replace(pod, workload=own.owner)
    return pod


def _is_printed(pod: PodRow) -> bool:
    return bool(pod.uid) or pod.phase != "Unknown"


def _topmost(found: Iterator[Workload]) -> Workload | None:
    """The one that nothing made, of several."""
    ordered: Sequence[Workload] = sorted(found, key=lambda one: bool(one.owner))
    return ordered[0] if ordered else None


def _chain(pod: PodRow, known: Mapping[Key, Workload]) -> Iterator[Key]:
    """The workloads of a pod, from the nearest: no chain of owners is longer."""
    key = (pod.namespace, pod.workload)
    for _ in range(3):
        if key not in known:
            return
        yield key
        key = known[key].owner_key
