"""The patch formats of the API: JSON patch (RFC 6902), merge patch (RFC 7386), strategic merge
patch."""

from __future__ import annotations

import copy
from typing import Any

from lab.api.status import ApiError, bad_request

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
# by which field the items of a list are known (the patchMergeKey tags of k8s.io/api)
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
    if kind == JSON_PATCH:
        return json_patch(current, patch)
    if kind == MERGE_PATCH:
        return merge(current, patch)
    if kind == STRATEGIC:
        return strategic(current, patch)
    raise ApiError(
        415,
        "UnsupportedMediaType",
        "the body of the request was in an unknown format - accepted media types include: "
        f"{JSON_PATCH}, {MERGE_PATCH}, {STRATEGIC}",
        {},
    )


def merge(current: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    result = dict(current) if isinstance(current, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def strategic(current: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    if patch.get("$patch") == "replace":
        return {k: v for k, v in patch.items() if k != "$patch"}
    result = dict(current) if isinstance(current, dict) else {}
    for key, value in patch.items():
        if key.startswith("$"):
            continue
        if value is None:
            result.pop(key, None)
        elif isinstance(value, list) and _merge_key(key, value):
            result[key] = _merge_list(result.get(key) or [], value, _merge_key(key, value))
        else:
            result[key] = strategic(result.get(key), value)
    return result


def _merge_key(field: str, items: list[Any]) -> str:
    """The key of a list's items; `ports` are known by containerPort in a container and by port in a
    Service."""
    if field == "ports":
        return "containerPort" if any("containerPort" in i for i in items) else "port"
    return MERGE_KEYS.get(field, "")


def _merge_list(current: list[Any], patch: list[Any], key: str) -> list[Any]:
    """New items go to the front, as the API server puts them."""
    if any(item.get("$patch") == "replace" for item in patch):
        return [i for i in patch if "$patch" not in i]
    result = list(current)
    added = []
    for item in patch:
        if key not in item:
            raise bad_request(f"map: map[] does not contain declared merge key: {key}")
        place = _index_of(result, key, item[key])
        if item.get("$patch") == "delete":
            result = [known for known in result if known.get(key) != item[key]]
        elif place is None:
            added.append(item)
        else:
            result[place] = strategic(result[place], item)
    return added + result


def _index_of(items: list[Any], key: str, value: Any) -> int | None:
    return next((i for i, known in enumerate(items) if known.get(key) == value), None)


def json_patch(current: Any, operations: Any) -> Any:
    result = copy.deepcopy(current)
    for step in operations:
        try:
            result = _operate(result, step)
        except (KeyError, IndexError, ValueError, TypeError):
            raise ApiError(
                422, "Invalid", f"the server rejected our request: {step['op']} {step['path']}"
            ) from None
    return result


def _pointer(text: str) -> list[str]:
    """The parts of a JSON pointer (RFC 6901)."""
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _operate(document: Any, step: dict[str, Any]) -> Any:
    operation, parts = step["op"], _pointer(step["path"])
    if operation in ("move", "copy"):
        source = _pointer(step["from"])
        value = copy.deepcopy(_look(document, source))
        if operation == "move":
            _remove(document, source)
        return _write(document, parts, value, "add")
    if operation == "test":
        if _look(document, parts) != step["value"]:
            raise ValueError
        return document
    if operation == "remove" and parts:
        _remove(document, parts)
        return document
    return _write(document, parts, step["value"], operation)


def _write(document: Any, parts: list[str], value: Any, operation: str) -> Any:
    """`add` or `replace` at a place; the whole document where `parts` is empty."""
    if not parts:
        return value
    parent, last = _look(document, parts[:-1]), parts[-1]
    if isinstance(parent, list):
        if operation == "add":
            parent.insert(len(parent) if last == "-" else int(last), value)
        else:
            parent[int(last)] = value
        return document
    if operation == "replace" and last not in parent:
        raise KeyError(last)
    parent[last] = value
    return document


def _look(document: Any, parts: list[str]) -> Any:
    for part in parts:
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document


def _remove(document: Any, parts: list[str]) -> None:
    parent, last = _look(document, parts[:-1]), parts[-1]
    del parent[int(last) if isinstance(parent, list) else last]
