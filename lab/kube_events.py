"""Events of the kubelet: a probe that failed, as a real kubelet reports it (pkg/kubelet/prober)."""

from __future__ import annotations

import zlib

from lab.api.metadata import name_of, namespace_of, node_of
from lab.api.store import Object, ObjectStore, now
from lab.ownership import pod_reference

PROBE_FAILED: Object = {
    "reason": "Unhealthy",
    "type": "Warning",
    "eventTime": None,
    "reportingComponent": "kubelet",
}


def unhealthy(store: ObjectStore, pod: Object, container: str, message: str) -> None:
    """One Event for each message, whose count goes up."""
    name = f"{name_of(pod)}.{zlib.crc32(message.encode()):016x}"
    before = store.get("events", namespace_of(pod), name) or {}
    metadata = {"name": name, "namespace": namespace_of(pod)}
    about = {"metadata": metadata, "involvedObject": _involved(pod, container)}
    store.put("events", {**PROBE_FAILED, **about, "message": message, **_counted(before, pod)})


def _involved(pod: Object, container: str) -> Object:
    field = f"spec.containers{{{container}}}"
    return {**pod_reference(pod), "apiVersion": "v1", "fieldPath": field}


def _counted(before: Object, pod: Object) -> Object:
    return {
        "count": before.get("count", 0) + 1,
        "firstTimestamp": before.get("firstTimestamp", now()),
        "lastTimestamp": now(),
        **_source(node_of(pod)),
    }


def _source(node: str) -> Object:
    return {"source": {"component": "kubelet", "host": node}, "reportingInstance": node}
