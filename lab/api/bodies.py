"""The bodies of requests: JSON or protobuf, read into objects as the store keeps them."""

from __future__ import annotations

import json
from typing import Any

from aiohttp.web import Request

from lab.api import protobuf
from lab.api.metadata import without
from lab.api.requestinfo import ApiCall
from lab.api.resources import Resource
from lab.api.status import ApiError, bad_request
from lab.api.store import Object

READABLE = ("application/json", "application/octet-stream", protobuf.CONTENT_TYPE)
NOT_READABLE = (
    "the body of the request was in an unknown format - accepted media types include: "
    f"application/json, {protobuf.CONTENT_TYPE}"
)


def without_kind(item: Object) -> Object:
    """As the store keeps objects: kind and apiVersion are those of the resource."""
    return without(item, "kind", "apiVersion")


async def read_any(request: Request) -> Any:
    if request.content_type == protobuf.CONTENT_TYPE:
        return _from_protobuf(await request.read())
    return await _from_json(request)


async def _from_json(request: Request) -> Any:
    try:
        return await request.json()
    except ValueError as error:
        raise bad_request(f"the object provided is unrecognized: {error}") from None


def _from_protobuf(data: bytes) -> Object:
    try:
        return protobuf.decode(data)
    except protobuf.Unreadable as error:
        raise _unsupported(f"the body of the request: {error}") from None


def _unsupported(message: str) -> ApiError:
    return ApiError(415, "UnsupportedMediaType", message, {})


async def read_body(request: Request, resource: Resource) -> Object:
    """An object of the resource; ApiError 400 or 415 for anything else."""
    if request.content_type not in READABLE:
        raise _unsupported(NOT_READABLE)
    item = await read_any(request)
    _check_kind(item, resource)
    return without_kind(item)


async def body_of(call: ApiCall) -> Object:
    """Of a request about a resource."""
    return await read_body(call.request, call.resource)


def _check_kind(item: Any, resource: Resource) -> None:
    if not isinstance(item, dict):
        raise bad_request("the object provided is unrecognized: it is not an object")
    if item.get("kind", resource.kind) != resource.kind:
        raise _other_kind(item, resource)


def _other_kind(item: Object, resource: Resource) -> ApiError:
    version = json.dumps(item.get("apiVersion"))
    said = f"{item['kind']} in version {version} cannot be handled as a {resource.kind}"
    return bad_request(said)
