"""The patch formats of the API: JSON patch (RFC 6902), merge patch (RFC 7386), strategic merge
patch."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from lab.api.status import ApiError, bad_request
from lab.api.store import Object

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
# by which field the items of a list are known (the patchMergeKey tags of k8s.io/api)
UNKNOWN_FORMAT = (
    "the body of the request was in an unknown format - accepted media types include: "
    f"{JSON_PATCH}, {MERGE_PATCH}, {STRATEGIC}"
)
MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "conditions": "type",
    "ownerReferences": "uid",
    "imagePullSecrets": "name",
    "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey",
}


def apply(kind: str, current: Any, patch: Any) -> Any:
    """`current` with `patch` of that content type applied; ApiError 415 for another type."""
    if kind not in FORMATS:
        raise ApiError(415, "UnsupportedMediaType", UNKNOWN_FORMAT, {})
    return FORMATS[kind](current, patch)


def merge(current: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    result = _copied(current)
    for key, value in patch.items():
        _merge_value(result, key, value)
    return result


def _merge_value(result: Object, key: str, value: Any) -> None:
    if value is None:
        result.pop(key, None)
    else:
        result[key] = merge(result.get(key), value)


def _copied(value: Any) -> Object:
    """An object that a patch is merged into; empty where something else is there."""
    return dict(value) if isinstance(value, dict) else {}


def strategic(current: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    result = {} if _replaces(patch) else _copied(current)
    for key, value in patch.items():
        if not key.startswith("$"):
            _merge_field(result, key, value)
    return result


def _replaces(patch: Object) -> bool:
    return patch.get("$patch") == "replace"


def _merge_field(result: Object, key: str, value: Any) -> None:
    if value is None:
        result.pop(key, None)
    elif merge_key := _merge_key(key, value):
        result[key] = _merge_list(result.get(key) or [], value, merge_key)
    else:
        result[key] = strategic(result.get(key), value)


def _merge_key(field: str, value: Any) -> str:
    """The key of a list's items, empty for what is merged otherwise."""
    if not isinstance(value, list):
        return ""
    return _key_of_ports(value) if field == "ports" else MERGE_KEYS.get(field, "")


def _key_of_ports(ports: list[Any]) -> str:
    """They are known by containerPort in a container and by port in a Service."""
    return "containerPort" if any("containerPort" in item for item in ports) else "port"


def _merge_list(current: list[Any], patch: list[Any], key: str) -> list[Any]:
    """New items go to the front, as the API server puts them."""
    if any(map(_replaces, patch)):
        return [item for item in patch if "$patch" not in item]
    result = list(current)
    added = [item for item in patch if not _merge_item(result, item, key)]
    return added + result


def _merge_item(items: list[Any], item: Any, key: str) -> bool:
    """Change or delete the item with the same key; False where there is none to change."""
    if key not in item:
        raise bad_request(f"map: map[] does not contain declared merge key: {key}")
    if item.get("$patch") == "delete":
        items[:] = [known for known in items if known.get(key) != item[key]]
        return True
    return _change_item(items, item, key)


def _change_item(items: list[Any], item: Any, key: str) -> bool:
    for place, known in enumerate(items):
        if known.get(key) == item[key]:
            items[place] = strategic(known, item)
            return True
    return False


def json_patch(current: Any, operations: Any) -> Any:
    result = copy.deepcopy(current)
    for step in operations:
        result = _operated(result, step)
    return result


def _operated(document: Any, step: Object) -> Any:
    try:
        return _operate(document, step)
    except (KeyError, IndexError, ValueError, TypeError):
        raise _rejected(step) from None


def _rejected(step: Object) -> ApiError:
    said = f"the server rejected our request: {step['op']} {step['path']}"
    return ApiError(422, "Invalid", said)


def _pointer(text: str) -> list[str]:
    """The parts of a JSON pointer (RFC 6901)."""
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _operate(document: Any, step: Object) -> Any:
    operation, parts = step["op"], _pointer(step["path"])
    if operation in ("move", "copy"):
        return _write(document, parts, _source(document, step), "add")
    if operation == "test":
        return _test(document, parts, step["value"])
    if operation == "remove" and parts:
        return _remove(document, parts)
    return _write(document, parts, step["value"], operation)


def _test(document: Any, parts: list[str], value: Any) -> Any:
    if _look(document, parts) != value:
        raise ValueError
    return document


def _source(document: Any, step: Object) -> Any:
    """What `move` and `copy` write; `move` removes it from where it was."""
    parts = _pointer(step["from"])
    value = copy.deepcopy(_look(document, parts))
    if step["op"] == "move":
        _remove(document, parts)
    return value


def _write(document: Any, parts: list[str], value: Any, operation: str) -> Any:
    """`add` or `replace` at a place; the whole document where `parts` is empty."""
    if not parts:
        return value
    parent = _look(document, parts[:-1])
    write = _write_item if isinstance(parent, list) else _write_key
    write(parent, parts[-1], value, operation)
    return document


def _write_key(parent: Any, key: str, value: Any, operation: str) -> None:
    if operation == "replace" and key not in parent:
        raise KeyError(key)
    parent[key] = value


def _write_item(items: Any, place: str, value: Any, operation: str) -> None:
    if operation == "add":
        items.insert(len(items) if place == "-" else int(place), value)
    else:
        items[int(place)] = value


def _look(document: Any, parts: list[str]) -> Any:
    for part in parts:
        document = document[_key(document, part)]
    return document


def _key(parent: Any, part: str) -> int | str:
    """A part of a pointer as an index of a list, or a key."""
    return int(part) if isinstance(parent, list) else part


def _remove(document: Any, parts: list[str]) -> Any:
    *above, last = parts
    parent = _look(document, above)
    del parent[_key(parent, last)]
    return document


FORMATS: dict[str, Callable[[Any, Any], Any]] = {
    JSON_PATCH: json_patch,
    MERGE_PATCH: merge,
    STRATEGIC: strategic,
}
