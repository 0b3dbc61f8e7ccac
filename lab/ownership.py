"""Which object was made for which: owner references, and the pods that really run here."""

from __future__ import annotations

from collections.abc import Iterator

from lab.api.resources import BY_KIND
from lab.api.store import Object, ObjectStore


def owner(kind: str, item: Object) -> Object:
    """The reference to `item` in what its controller makes."""
    return {
        "apiVersion": BY_KIND[kind].group_version,
        "kind": kind,
        "name": item["metadata"]["name"],
        "uid": item["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def owned_by(item: Object) -> str:
    """The uid of an object's controller."""
    references = item["metadata"].get("ownerReferences", ())
    return next((str(one["uid"]) for one in references if one.get("controller")), "")


def is_ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def is_synthetic(item: Object) -> bool:
    """Added by number alone (lab/synthetic.py): nothing runs behind it."""
    return "synthetic" in item["metadata"].get("labels", {})


def real_pods(store: ObjectStore, namespace: str = "") -> Iterator[Object]:
    return (pod for pod in store.items("pods", namespace) if not is_synthetic(pod))


def remove_unowned(store: ObjectStore, resource: str, uids: set[str]) -> list[str]:
    """Remove objects whose owner is not among `uids`; returns the uids of those removed."""
    unowned = [i for i in store.items(resource) if owned_by(i) and owned_by(i) not in uids]
    for item in unowned:
        store.remove(resource, item["metadata"]["namespace"], item["metadata"]["name"])
    return [item["metadata"]["uid"] for item in unowned]
