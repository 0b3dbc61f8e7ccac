"""Labels that controllers give the pods of a workload beside those of its template.

(Kubernetes documentation, Well-Known Labels, Annotations and Taints; the controllers of Deployment,
StatefulSet, DaemonSet and Job.)
"""

from __future__ import annotations

from dataclasses import field
from typing import Any

from collectors.frozen import frozen

HASH, REVISION = "pod-template-hash", "controller-revision-hash"
POD_NAME, INDEX = "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index"
BY_ORDINAL = (POD_NAME, INDEX)
JOB_NAMES = ("job-name", "batch.kubernetes.io/job-name")
JOB_UIDS = ("controller-uid", "batch.kubernetes.io/controller-uid")
COMPLETION = "batch.kubernetes.io/job-completion-index"
GIVEN = {
    "Deployment": (HASH,),
    "StatefulSet": (REVISION, *BY_ORDINAL),
    "DaemonSet": (REVISION, "pod-template-generation"),
}


@frozen
class ControllerLabels:
    """What the pods have for certain, and the keys whose values only the cluster knows."""

    known: dict[str, str] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()


def of(kind: str, name: str, spec: dict[str, Any]) -> ControllerLabels:
    """`spec` is the workload's, of a CronJob that of its Jobs."""
    if kind not in ("Job", "CronJob"):
        return ControllerLabels(unknown=GIVEN.get(kind, ()))
    if spec.get("manualSelector"):
        return ControllerLabels()
    indexed = (COMPLETION,) if spec.get("completionMode") == "Indexed" else ()
    written = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    uids = tuple(key for key in JOB_UIDS if key not in written)
    if kind == "CronJob" or not name:
        return ControllerLabels(unknown=(*JOB_NAMES, *uids, *indexed))
    return ControllerLabels(dict.fromkeys(JOB_NAMES, name), (*uids, *indexed))
