"""Objects of policies of other APIs as rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collectors.cluster.api.fields import mapping_at, text_at
from collectors.cluster.api.foreign_kinds import foreign_kind
from collectors.cluster.inventory.object_fields import labels_of
from collectors.objects import ForeignPolicyRow
from collectors.sanitize import sanitize

KIND = "foreignpolicies"
CUTTING = "cuttingpolicies"  # a list of its own: what may only cut, and is not evaluated
DEEPEST = 60  # levels of a specification
LONGEST = 4096  # characters of one text in it


def foreign_row(item: Mapping[str, Any], api_version: str, kind: str) -> ForeignPolicyRow:
    """ValueError, TypeError or AttributeError where the object has another shape than any API's."""
    metadata = mapping_at(item, "metadata")
    return ForeignPolicyRow(
        namespace=text_at(metadata, "namespace", 253),
        name=text_at(metadata, "name", 253),
        api_version=sanitize(api_version, 120),
        object_kind=kind,
        spec=_specification(item),
        labels=labels_of(metadata.get("labels")),
        kind=list_of(api_version, kind),
    )


def list_of(api_version: str, kind: str) -> str:
    """The list that objects of a kind are in."""
    known = foreign_kind(api_version, kind)
    return CUTTING if known is not None and known.cuts_only else KIND


def _specification(item: Mapping[str, Any]) -> dict[str, Any]:
    """With `specs`, which Cilium's policies may have instead."""
    spec = safe_json(item.get("spec") or {})
    if specs := item.get("specs"):
        spec = {**spec, "specs": safe_json(specs)}
    if not isinstance(spec, dict):
        raise TypeError("the specification is not a mapping")
    return spec


def safe_json(value: Any, levels: int = DEEPEST) -> Any:
    """A copy of JSON whose texts are safe to show. ValueError where it is nested too deeply."""
    if isinstance(value, str):
        return sanitize(value, LONGEST)
    return _safe_parts(value, levels) if isinstance(value, (dict, list)) else value


def _safe_parts(value: dict[Any, Any] | list[Any], levels: int) -> Any:
    if not levels:
        raise ValueError(f"nested deeper than {DEEPEST} levels")
    if isinstance(value, list):
        return [safe_json(item, levels - 1) for item in value]
    return {sanitize(str(key), LONGEST): safe_json(item, levels - 1) for key, item in value.items()}
