"""Events of the kubelet: a probe that failed, as a real kubelet reports it (pkg/kubelet/prober)."""

from __future__ import annotations

import zlib

from lab.api.store import Object, ObjectStore, now


def unhealthy(store: ObjectStore, pod: Object, container: str, node: str, message: str) -> None:
    """One Event for each message, whose count goes up."""
    meta = pod["metadata"]
    name = f"{meta['name']}.{zlib.crc32(message.encode()):016x}"
    before = store.get("events", meta["namespace"], name)
    store.put(
        "events",
        {
            "metadata": {"name": name, "namespace": meta["namespace"]},
            "involvedObject": {
                "kind": "Pod",
                "namespace": meta["namespace"],
                "name": meta["name"],
                "uid": meta["uid"],
                "apiVersion": "v1",
                "fieldPath": f"spec.containers{{{container}}}",
            },
            "reason": "Unhealthy",
            "message": message,
            "type": "Warning",
            "count": (before or {}).get("count", 0) + 1,
            "firstTimestamp": (before or {}).get("firstTimestamp", now()),
            "lastTimestamp": now(),
            "eventTime": None,
            "source": {"component": "kubelet", "host": node},
            "reportingComponent": "kubelet",
            "reportingInstance": node,
        },
    )
