"""Objects of policies of other APIs as rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collectors.cluster.inventory.row_builders import labels_of
from collectors.objects import ForeignPolicyRow
from collectors.sanitize import sanitize

KIND = "foreignpolicies"
DEEPEST = 60  # levels of a specification
LONGEST = 4096  # characters of one text in it


def foreign_row(item: Mapping[str, Any], api_version: str, kind: str) -> ForeignPolicyRow:
    """ValueError, TypeError or AttributeError where the object has another shape than any API's."""
    metadata = item.get("metadata") or {}
    spec = safe_json(item.get("spec") or {})
    if specs := item.get("specs"):
        spec = {**spec, "specs": safe_json(specs)}
    if not isinstance(spec, dict):
        raise TypeError("the specification is no mapping")
    return ForeignPolicyRow(
        namespace=sanitize(metadata.get("namespace") or "", 253),
        name=sanitize(metadata.get("name") or "", 253),
        api_version=sanitize(api_version, 120),
        object_kind=kind,
        spec=spec,
        labels=labels_of(metadata.get("labels")),
    )


def safe_json(value: Any, levels: int = DEEPEST) -> Any:
    """A copy of JSON whose texts are safe to show. ValueError where it is nested too deeply."""
    if isinstance(value, str):
        return sanitize(value, LONGEST)
    if not isinstance(value, (dict, list)):
        return value
    if not levels:
        raise ValueError(f"nested deeper than {DEEPEST} levels")
    if isinstance(value, list):
        return [safe_json(item, levels - 1) for item in value]
    return {sanitize(str(key), LONGEST): safe_json(item, levels - 1) for key, item in value.items()}
