"""get and list of every resource: whole objects, tables or metadata only; pages; 410."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

from aiohttp import web

from lab.api import status, tables
from lab.api.requestinfo import RequestInfo
from lab.api.resources import Resource
from lab.api.selectors import field_selector, label_selector
from lab.api.store import Object, ObjectStore, ResourceExpired, key_of

Matches = Callable[[Object], bool]
META = "meta.k8s.io/v1"
TOO_OLD_TO_CONTINUE = (
    "The provided continue parameter is too old to display a consistent list result. "
    "You can start a new list without the continue parameter, or use the continue token in this "
    "response to retrieve the remainder of the results. Continuing with the provided token "
    "results in an inconsistent list - objects that were created, modified, or deleted between "
    "the time the first chunk was returned and now may show up in the list."
)


def view_of(request: web.Request) -> str:
    """`Table`, `PartialObjectMetadata` or `` (whole objects), as the Accept header asks."""
    for part in request.headers.get("Accept", "").split(","):
        fields = dict(f.strip().split("=", 1) for f in part.split(";")[1:] if "=" in f)
        if fields.get("g") == "meta.k8s.io" and fields.get("v") == "v1":
            return fields.get("as", "").removesuffix("List")
        if part.strip().split(";")[0] == "application/json" and "as" not in fields:
            return ""
    return ""


def whole(resource: Resource, item: Object) -> Object:
    return {"kind": resource.kind, "apiVersion": resource.group_version, **item}


def partial(item: Object) -> Object:
    return {"kind": "PartialObjectMetadata", "apiVersion": META, "metadata": item["metadata"]}


def selector_of(request: web.Request, resource: Resource) -> Matches:
    labels = label_selector(request.query.get("labelSelector", ""))
    fields = field_selector(request.query.get("fieldSelector", ""), resource)
    return lambda item: labels(item) and fields(item)


def table_of(
    request: web.Request, resource: Resource, items: list[Object], *, headers: bool = True
) -> Object:
    include = request.query.get("includeObject", "Metadata")
    return tables.table(resource, items, include, headers=headers)


class ReadHandler:
    def __init__(self, store: ObjectStore) -> None:
        self.store = store

    # --- one

    def found(self, info: RequestInfo, resource: Resource) -> Object:
        namespace = info.namespace if resource.namespaced else ""
        item = self.store.get(resource.plural, namespace, info.name)
        if item is None:
            raise status.not_found(resource, info.name)
        return item

    def get(self, request: web.Request, info: RequestInfo, resource: Resource) -> web.Response:
        return self.answer(request, resource, self.found(info, resource))

    def answer(
        self, request: web.Request, resource: Resource, item: Object, code: int = 200
    ) -> web.Response:
        return web.json_response(_body_of(request, resource, item), status=code)

    # --- many

    async def list_all(
        self, request: web.Request, info: RequestInfo, resource: Resource
    ) -> web.StreamResponse:
        items, metadata = self._page(request, info, resource)
        view = view_of(request)
        if view == "Table":
            body = table_of(request, resource, items)
            return web.json_response({**body, "metadata": metadata})
        if view == "PartialObjectMetadata":
            return web.json_response(_partial_list([partial(i) for i in items], metadata))
        return self._whole_list(resource, items, metadata)

    def _whole_list(
        self, resource: Resource, items: list[Object], metadata: Object
    ) -> web.Response:
        """Joined from the store's encoded objects: a list of thousands is answered at once."""
        head = {
            "kind": f"{resource.kind}List",
            "apiVersion": resource.group_version,
            "metadata": metadata,
        }
        start = json.dumps(head, separators=(",", ":"))[:-1].encode() + b',"items":['
        data = start + b",".join(self.store.encoded(i) for i in items) + b"]}\n"
        return web.Response(body=data, content_type="application/json")

    def _page(
        self, request: web.Request, info: RequestInfo, resource: Resource
    ) -> tuple[list[Object], Object]:
        """The objects of one page, and the list's metadata."""
        matches = selector_of(request, resource)
        version, after = self._start(request)
        every = self._items_at(request, info, resource, version)
        rest = [i for i in every if (not after or key_of(i) > after) and matches(i)]
        return _cut(request, rest, version)

    def _items_at(
        self, request: web.Request, info: RequestInfo, resource: Resource, version: int
    ) -> list[Object]:
        if version == self.store.version:
            return list(self.store.items(resource.plural, info.namespace))
        try:
            return list(self.store.items_at(resource.plural, info.namespace, version))
        except ResourceExpired as error:
            raise _too_old(request, error) from None

    def _start(self, request: web.Request) -> tuple[int, str]:
        """The version to list at, and the key after which the page starts."""
        if token := request.query.get("continue"):
            version, after = _continued(token)
            return (self.store.version if version == -1 else version), after
        asked = request.query.get("resourceVersion", "")
        if asked in ("", "0"):
            return self.store.version, ""
        return self._asked_version(request, asked), ""

    def _asked_version(self, request: web.Request, asked: str) -> int:
        if not asked.isdigit():
            raise status.bad_request(
                f"resourceVersion: Invalid value: {json.dumps(asked)}: strconv.ParseUint"
            )
        if int(asked) > self.store.version:
            raise too_large(int(asked), self.store.version)
        exact = request.query.get("resourceVersionMatch") == "Exact"
        return int(asked) if exact else self.store.version


def _body_of(request: web.Request, resource: Resource, item: Object) -> Object:
    view = view_of(request)
    if view == "Table":
        metadata = {"resourceVersion": version_of(item)}
        return {**table_of(request, resource, [item]), "metadata": metadata}
    if view == "PartialObjectMetadata":
        return partial(item)
    return whole(resource, item)


def _partial_list(items: list[Object], metadata: Object) -> Object:
    return {
        "kind": "PartialObjectMetadataList",
        "apiVersion": META,
        "metadata": metadata,
        "items": items,
    }


def _cut(request: web.Request, items: list[Object], version: int) -> tuple[list[Object], Object]:
    """The first `limit` of what is left to list, with the token for the next page."""
    metadata: Object = {"resourceVersion": str(version)}
    limit = int(request.query.get("limit") or 0)
    if not limit or len(items) <= limit:
        return items, metadata
    metadata["continue"] = _token(version, key_of(items[limit - 1]))
    if not (request.query.get("labelSelector") or request.query.get("fieldSelector")):
        metadata["remainingItemCount"] = len(items) - limit
    return items[:limit], metadata


def version_of(item: Object) -> str:
    return str(item["metadata"].get("resourceVersion", ""))


# --- `continue`


def _token(version: int, key: str) -> str:
    """`continue` as etcd3's storage makes it: the version, and the first key of the next page."""
    state = json.dumps({"v": META, "rv": version, "start": f"/{key}\0"}, separators=(",", ":"))
    return base64.urlsafe_b64encode(state.encode()).decode().rstrip("=")


def _continued(token: str) -> tuple[int, str]:
    """The version and the key of a `continue` token; ApiError 400 where it is none."""
    try:
        state = json.loads(base64.urlsafe_b64decode(token + "=="))
        version, start = int(state["rv"]), str(state["start"])
    except (ValueError, KeyError, TypeError):
        raise status.bad_request("continue key is not valid: illegal base64 data") from None
    return version, start.removeprefix("/").rstrip("\0")


def _too_old(request: web.Request, error: ResourceExpired) -> status.ApiError:
    token = request.query.get("continue")
    if token is None:
        return status.expired(str(error))
    answer = status.expired(TOO_OLD_TO_CONTINUE)
    answer.body["metadata"] = {"continue": _token(-1, _continued(token)[1])}
    return answer


def too_large(asked: int, current: int) -> status.ApiError:
    message = f"Timeout: Too large resource version: {asked}, current: {current}"
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    return status.ApiError(504, "Timeout", message, {"causes": [cause], "retryAfterSeconds": 1})
