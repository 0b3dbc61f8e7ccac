"""In which form an object is answered: whole, as rows of a table, or its metadata only."""

from __future__ import annotations

from aiohttp.web import Request

from lab.api.resources import Resource
from lab.api.store import Object

META = "meta.k8s.io/v1"


def view_of(request: Request) -> str:
    """`Table`, `PartialObjectMetadata` or `` (whole objects), as the Accept header asks."""
    views = map(_view, request.headers.get("Accept", "").split(","))
    return next((view for view in views if view is not None), "")


def _view(accepted: str) -> str | None:
    """The form that one part of an Accept header names; None for a part that names none."""
    media_type, fields = _media_type(accepted)
    if fields.get("g") == "meta.k8s.io" and fields.get("v") == "v1":
        return fields.get("as", "").removesuffix("List")
    return "" if media_type == "application/json" and "as" not in fields else None


def _media_type(accepted: str) -> tuple[str, dict[str, str]]:
    """`application/json;as=Table;g=meta.k8s.io`: the type, and its parameters."""
    media_type, *parameters = accepted.split(";")
    return media_type.strip(), dict(p.strip().split("=", 1) for p in parameters if "=" in p)


def whole(resource: Resource, item: Object) -> Object:
    return {"kind": resource.kind, "apiVersion": resource.group_version, **item}


def partial(item: Object) -> Object:
    return {"kind": "PartialObjectMetadata", "apiVersion": META, "metadata": item["metadata"]}


def partial_list(items: list[Object], metadata: Object) -> Object:
    return {
        "kind": "PartialObjectMetadataList",
        "apiVersion": META,
        "metadata": metadata,
        "items": [partial(item) for item in items],
    }


def version_of(item: Object) -> str:
    return str(item["metadata"].get("resourceVersion", ""))
