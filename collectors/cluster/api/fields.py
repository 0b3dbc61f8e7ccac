"""Fields of objects as the API server sends them: what is null or absent is empty.

A field of another type than its API promises raises AttributeError or TypeError sooner or later:
who reads objects of a cluster expects those.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from collectors.errors import ClusterError
from collectors.sanitize import sanitize

Object = Mapping[str, Any]


def mapping_at(item: Object, *path: str) -> Object:
    for name in path:
        item = item.get(name) or {}
    return item


def list_at(item: Object, *path: str) -> Sequence[Any]:
    found: Any = mapping_at(item, *path)
    return found or ()


def text_at(item: Object, field: str, longest: int) -> str:
    """Text that is safe to show."""
    return sanitize(item.get(field) or "", longest)


def annotations_of(item: Object) -> Object:
    return mapping_at(item, "metadata", "annotations")


def as_mapping(value: object) -> Mapping[str, Any]:
    """For what may be of another type than its API promises: that is empty."""
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def listed_at(answer: Object, field: str, what: str) -> Sequence[Any]:
    """What an answer lists, where null is an empty list (Go's nil). ClusterError where the field is
    missing or no list: such an answer is of something else, not of a cluster that has none."""
    found = answer.get(field, answer)
    if found is None:
        return ()
    if not isinstance(found, list):
        said = sanitize(", ".join(map(str, answer)) or "no fields", 120)
        raise ClusterError(
            f"The API server's answer is not a list ({what}): it has no {field}, but {said}. Is "
            "there a proxy or a login page in front of it?",
            200,
        )
    return found


def next_page(page: Object) -> str:
    """The token that continues a list, '' after its last page."""
    return str(mapping_at(page, "metadata").get("continue") or "")
