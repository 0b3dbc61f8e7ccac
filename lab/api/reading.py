"""get and list of every resource: whole objects, tables or metadata only; pages; 410."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping

from aiohttp.web import Response, StreamResponse, json_response

from lab.api import status, tables
from lab.api.compact_json import compact
from lab.api.representation import META, partial, partial_list, version_of, view_of, whole
from lab.api.requestinfo import ApiCall, RequestInfo
from lab.api.resources import Resource
from lab.api.selectors import field_selector, label_selector
from lab.api.status import ApiError, bad_request, not_found
from lab.api.store import Object, ObjectStore, ResourceExpired, key_of

Matches = Callable[[Object], bool]
Query = Mapping[str, str]
TOO_OLD_TO_CONTINUE = (
    "The provided continue parameter is too old to display a consistent list result. "
    "You can start a new list without the continue parameter, or use the continue token in this "
    "response to retrieve the remainder of the results. Continuing with the provided token "
    "results in an inconsistent list - objects that were created, modified, or deleted between "
    "the time the first chunk was returned and now may show up in the list."
)


def selector_of(call: ApiCall) -> Matches:
    labels = label_selector(call.query.get("labelSelector", ""))
    fields = field_selector(call.query.get("fieldSelector", ""), call.resource)
    return lambda item: labels(item) and fields(item)


def table_of(call: ApiCall, items: list[Object], *, headers: bool = True) -> Object:
    include = call.query.get("includeObject", "Metadata")
    return tables.table(call.resource, items, include, headers=headers)


class ReadHandler:
    def __init__(self, store: ObjectStore) -> None:
        self.store = store

    # --- one

    def found(self, info: RequestInfo, resource: Resource) -> Object:
        namespace = info.namespace if resource.namespaced else ""
        item = self.store.get(resource.plural, namespace, info.name)
        if item is None:
            raise not_found(resource, info.name)
        return item

    def get(self, call: ApiCall) -> Response:
        return answer(call, self.found(call.info, call.resource))

    # --- many

    async def list_all(self, call: ApiCall) -> StreamResponse:
        items, metadata = self._page(call)
        view = view_of(call.request)
        if view == "Table":
            return json_response({**table_of(call, items), "metadata": metadata})
        if view == "PartialObjectMetadata":
            return json_response(partial_list(items, metadata))
        return self._whole_list(call.resource, items, metadata)

    def _whole_list(self, resource: Resource, items: list[Object], metadata: Object) -> Response:
        """Joined from the store's encoded objects: a list of thousands is answered at once."""
        start = _list_head(resource, metadata)[:-1] + b',"items":['
        data = start + b",".join(map(self.store.encoded, items)) + b"]}\n"
        return Response(body=data, content_type="application/json")

    def _page(self, call: ApiCall) -> tuple[list[Object], Object]:
        """The objects of one page, and the list's metadata."""
        matches = selector_of(call)
        version, after = self._start(call.query)
        every = self._items_at(call, version)
        rest = [i for i in every if (not after or key_of(i) > after) and matches(i)]
        return _cut(call.query, rest, version)

    def _items_at(self, call: ApiCall, version: int) -> list[Object]:
        plural, namespace = call.resource.plural, call.info.namespace
        if version == self.store.version:
            return list(self.store.items(plural, namespace))
        try:
            return self.store.items_at(plural, namespace, version)
        except ResourceExpired as error:
            raise _too_old(call.query, error) from None

    def _start(self, query: Query) -> tuple[int, str]:
        """The version to list at, and the key after which the page starts."""
        if token := query.get("continue"):
            version, after = _continued(token)
            return (self.store.version if version == -1 else version), after
        return self._asked_version(query), ""

    def _asked_version(self, query: Query) -> int:
        asked, current = _version_in(query), self.store.version
        if asked > current:
            raise too_large(asked, current)
        exact = asked and query.get("resourceVersionMatch") == "Exact"
        return asked if exact else current


def answer(call: ApiCall, item: Object, code: int = 200) -> Response:
    return json_response(_body_of(call, item), status=code)


def _body_of(call: ApiCall, item: Object) -> Object:
    view = view_of(call.request)
    if view == "Table":
        return {**table_of(call, [item]), "metadata": {"resourceVersion": version_of(item)}}
    return partial(item) if view == "PartialObjectMetadata" else whole(call.resource, item)


def _list_head(resource: Resource, metadata: Object) -> bytes:
    head = {"kind": f"{resource.kind}List", "apiVersion": resource.group_version}
    return compact({**head, "metadata": metadata})


def _version_in(query: Query) -> int:
    """The resourceVersion of a query, 0 for none; ApiError 400."""
    asked = query.get("resourceVersion") or "0"
    if asked.isdigit():
        return int(asked)
    said = f"resourceVersion: Invalid value: {json.dumps(asked)}: strconv.ParseUint"
    raise bad_request(said)


def _cut(query: Query, items: list[Object], version: int) -> tuple[list[Object], Object]:
    """The first `limit` of what is left to list, with the token for the next page."""
    metadata: Object = {"resourceVersion": str(version)}
    limit = int(query.get("limit") or 0)
    if not limit or len(items) <= limit:
        return items, metadata
    metadata["continue"] = _token(version, key_of(items[limit - 1]))
    if not _is_selective(query):
        metadata["remainingItemCount"] = len(items) - limit
    return items[:limit], metadata


def _is_selective(query: Query) -> bool:
    return bool(query.get("labelSelector") or query.get("fieldSelector"))


# --- `continue`


def _token(version: int, key: str) -> str:
    """`continue` as etcd3's storage makes it: the version, and the first key of the next page."""
    state = compact({"v": META, "rv": version, "start": f"/{key}\0"})
    return base64.urlsafe_b64encode(state).decode().rstrip("=")


def _continued(token: str) -> tuple[int, str]:
    """The version and the key of a `continue` token; ApiError 400 where it is none."""
    try:
        state = json.loads(base64.urlsafe_b64decode(token + "=="))
        version, start = int(state["rv"]), str(state["start"])
    except (ValueError, KeyError, TypeError):
        raise bad_request("continue key is not valid: illegal base64 data") from None
    return version, start.removeprefix("/").rstrip("\0")


def _too_old(query: Query, error: ResourceExpired) -> ApiError:
    token = query.get("continue")
    if token is None:
        return status.expired(str(error))
    too_old = status.expired(TOO_OLD_TO_CONTINUE)
    too_old.body["metadata"] = {"continue": _token(-1, _continued(token)[1])}
    return too_old


def too_large(asked: int, current: int) -> ApiError:
    message = f"Timeout: Too large resource version: {asked}, current: {current}"
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    return ApiError(504, "Timeout", message, {"causes": [cause], "retryAfterSeconds": 1})
