"""The fields of an object's metadata that the whole lab reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lab.api.store import Object

Place = tuple[str, str]  # namespace and name


def name_of(item: Object) -> str:
    return str(item["metadata"]["name"])


def namespace_of(item: Object) -> str:
    """Empty for what belongs to the cluster."""
    return str(item["metadata"].get("namespace", ""))


def place_of(item: Object) -> Place:
    return namespace_of(item), name_of(item)


def uid_of(item: Object) -> str:
    return str(item["metadata"]["uid"])


def labels_of(item: Object) -> dict[str, str]:
    found: dict[str, str] = item["metadata"].get("labels") or {}
    return found


def annotations_of(item: Object) -> dict[str, str]:
    found: dict[str, str] = item["metadata"].get("annotations") or {}
    return found


def generation_of(item: Object) -> int:
    return int(item["metadata"].get("generation", 1))


def is_ending(item: Object) -> bool:
    """Whether its deletion has begun."""
    return bool(item["metadata"].get("deletionTimestamp"))


def containers_of(pod: Object, *fields: str) -> list[Object]:
    """Of a pod's spec: its containers, or those of the fields that are named."""
    spec = pod["spec"]
    return [one for field in fields or ("containers",) for one in spec.get(field) or ()]


def ports_of(pod: Object) -> Iterator[Object]:
    """Of its containers."""
    for container in containers_of(pod):
        yield from container.get("ports", ())


def conditions_of(item: Object) -> Sequence[Object]:
    found: Sequence[Object] = item.get("status", {}).get("conditions", ())
    return found


def owners_of(item: Object) -> Sequence[Object]:
    """Its owner references."""
    found: Sequence[Object] = item["metadata"].get("ownerReferences", ())
    return found


def on_host_network(pod: Object) -> bool:
    return bool(pod["spec"].get("hostNetwork"))


def node_of(pod: Object) -> str:
    """Empty for a pod that is not scheduled."""
    return str(pod["spec"].get("nodeName") or "")


def without(fields: Object, *names: str) -> Object:
    return {name: value for name, value in fields.items() if name not in names}


def without_empty(fields: Object) -> Object:
    """As `omitempty` leaves them out."""
    return {key: value for key, value in fields.items() if value}
