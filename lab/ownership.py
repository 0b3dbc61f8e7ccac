"""Which object was made for which: owner references, and the pods that really run here."""

from __future__ import annotations

from collections.abc import Iterator

from lab.api.metadata import conditions_of, labels_of, name_of, owners_of, place_of, uid_of
from lab.api.resources import BY_KIND
from lab.api.store import Object, ObjectStore


def owner(kind: str, item: Object) -> Object:
    """The reference to `item` in what its controller makes."""
    return {
        "apiVersion": BY_KIND[kind].group_version,
        "kind": kind,
        "name": name_of(item),
        "uid": uid_of(item),
        "controller": True,
        "blockOwnerDeletion": True,
    }


def pod_reference(pod: Object) -> Object:
    """A reference to a pod in an object that is about it."""
    namespace, name = place_of(pod)
    return {"kind": "Pod", "namespace": namespace, "name": name, "uid": uid_of(pod)}


def owned_by(item: Object) -> str:
    """The uid of an object's controller."""
    controllers = (one for one in owners_of(item) if one.get("controller"))
    return next((str(one["uid"]) for one in controllers), "")


def is_ready(pod: Object) -> bool:
    statuses = {one["type"]: one["status"] for one in conditions_of(pod)}
    return statuses.get("Ready") == "True"


def is_synthetic(item: Object) -> bool:
    """Added by number alone (lab/synthetic.py): nothing runs behind it."""
    return "synthetic" in labels_of(item)


def real_pods(store: ObjectStore, namespace: str = "") -> Iterator[Object]:
    return (pod for pod in store.items("pods", namespace) if not is_synthetic(pod))


def remove_unowned(store: ObjectStore, resource: str, uids: set[str]) -> list[str]:
    """Remove objects whose owner is not among `uids`; returns the uids of those removed."""
    unowned = [i for i in store.items(resource) if owned_by(i) and owned_by(i) not in uids]
    for item in unowned:
        store.remove(resource, *place_of(item))
    return [uid_of(item) for item in unowned]
