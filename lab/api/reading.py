"""get, list and watch of every resource: whole objects, tables or metadata only; pages; bookmarks; 410."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from aiohttp import web

from lab.api import status, tables
from lab.api.hooks import Hooks
from lab.api.requestinfo import RequestInfo
from lab.api.resources import Resource
from lab.api.selectors import field_selector, label_selector
from lab.api.store import Change, Object, ObjectStore, ResourceExpired, key_of

BOOKMARK_S = 60.0
WATCH_S = 1800.0
META = "meta.k8s.io/v1"
TOO_OLD_TO_CONTINUE = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list "
    "without the continue parameter, or use the continue token in this response to retrieve the remainder of the "
    "results. Continuing with the provided token results in an inconsistent list - objects that were created, "
    "modified, or deleted between the time the first chunk was returned and now may show up in the list."
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


def selector_of(request: web.Request, resource: Resource) -> Callable[[Object], bool]:
    labels = label_selector(request.query.get("labelSelector", ""))
    fields = field_selector(request.query.get("fieldSelector", ""), resource)
    return lambda item: labels(item) and fields(item)


class ReadHandler:
    def __init__(self, store: ObjectStore, hooks: Hooks) -> None:
        self.store = store
        self.hooks = hooks

    # --- one

    def found(self, info: RequestInfo, resource: Resource) -> Object:
        item = self.store.get(
            resource.plural, info.namespace if resource.namespaced else "", info.name
        )
        if item is None:
            raise status.not_found(resource, info.name)
        return item

    def get(self, request: web.Request, info: RequestInfo, resource: Resource) -> web.Response:
        return self.answer(request, resource, self.found(info, resource))

    def answer(
        self, request: web.Request, resource: Resource, item: Object, code: int = 200
    ) -> web.Response:
        view = view_of(request)
        if view == "Table":
            body = tables.table(resource, [item], request.query.get("includeObject", "Metadata"))
            return web.json_response(
                {**body, "metadata": {"resourceVersion": _version(item)}}, status=code
            )
        if view == "PartialObjectMetadata":
            return web.json_response(partial(item), status=code)
        return web.json_response(whole(resource, item), status=code)

    # --- many

    async def list_all(
        self, request: web.Request, info: RequestInfo, resource: Resource
    ) -> web.StreamResponse:
        matches = selector_of(request, resource)
        selective = bool(request.query.get("labelSelector") or request.query.get("fieldSelector"))
        items, metadata = self._page(request, info, resource, matches, selective)
        view = view_of(request)
        if view == "Table":
            body = tables.table(resource, items, request.query.get("includeObject", "Metadata"))
            return web.json_response({**body, "metadata": metadata})
        if view == "PartialObjectMetadata":
            listed: Object = {
                "kind": "PartialObjectMetadataList",
                "apiVersion": META,
                "metadata": metadata,
            }
            return web.json_response({**listed, "items": [partial(i) for i in items]})
        head = {
            "kind": f"{resource.kind}List",
            "apiVersion": resource.group_version,
            "metadata": metadata,
        }
        start = json.dumps(head, separators=(",", ":"))[:-1].encode() + b',"items":['
        data = start + b",".join(self.store.encoded(i) for i in items) + b"]}\n"
        return web.Response(body=data, content_type="application/json")

    def _page(
        self,
        request: web.Request,
        info: RequestInfo,
        resource: Resource,
        matches: Any,
        selective: bool,
    ) -> tuple[list[Object], Object]:
        limit = int(request.query.get("limit") or 0)
        version, after = self._start(request)
        if version == self.store.version:
            every = list(self.store.items(resource.plural, info.namespace))
        else:
            try:
                every = self.store.items_at(resource.plural, info.namespace, version)
            except ResourceExpired as error:
                raise self._too_old(request, error) from None
        rest = [i for i in every if (not after or key_of(i) > after) and matches(i)]
        metadata: Object = {"resourceVersion": str(version)}
        if limit and len(rest) > limit:
            metadata["continue"] = _token(version, key_of(rest[limit - 1]))
            if not selective:
                metadata["remainingItemCount"] = len(rest) - limit
            rest = rest[:limit]
        return rest, metadata

    def _start(self, request: web.Request) -> tuple[int, str]:
        """The version to list at, and the key after which the page starts."""
        if token := request.query.get("continue"):
            try:
                state = json.loads(base64.urlsafe_b64decode(token + "=="))
                version, start = int(state["rv"]), str(state["start"])
            except (ValueError, KeyError, TypeError):
                raise status.bad_request("continue key is not valid: illegal base64 data") from None
            return (self.store.version if version == -1 else version), start.removeprefix(
                "/"
            ).rstrip("\0")
        asked = request.query.get("resourceVersion", "")
        if asked in ("", "0"):
            return self.store.version, ""
        if not asked.isdigit():
            raise status.bad_request(
                f"resourceVersion: Invalid value: {json.dumps(asked)}: strconv.ParseUint"
            )
        if int(asked) > self.store.version:
            raise too_large(int(asked), self.store.version)
        exact = request.query.get("resourceVersionMatch") == "Exact"
        return (int(asked) if exact else self.store.version), ""

    def _too_old(self, request: web.Request, error: ResourceExpired) -> status.ApiError:
        token = request.query.get("continue")
        if token is None:
            return status.expired(str(error))
        answer = status.expired(TOO_OLD_TO_CONTINUE)
        start = json.loads(base64.urlsafe_b64decode(token + "=="))["start"]
        answer.body["metadata"] = {"continue": _token(-1, start.removeprefix("/").rstrip("\0"))}
        return answer

    # --- watch

    async def watch(
        self, request: web.Request, info: RequestInfo, resource: Resource
    ) -> web.StreamResponse:
        """One JSON line a change, until the client leaves or `timeoutSeconds` pass."""
        matches = selector_of(request, resource)
        asked = request.query.get("resourceVersion", "")
        if asked and not asked.isdigit():
            raise status.bad_request(f"resourceVersion: Invalid value: {json.dumps(asked)}")
        initial = _initial_events(request)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        with self.hooks.stream(request, info) as stream:
            async for line in self._lines(
                request, info, resource, matches=matches, since=int(asked or 0), initial=initial
            ):
                await stream.pass_on()
                await response.write(line)
        return response

    async def _lines(
        self,
        request: web.Request,
        info: RequestInfo,
        resource: Resource,
        matches: Any,
        since: int,
        initial: bool,
    ) -> AsyncIterator[bytes]:
        view = view_of(request)
        fresh = True

        def line(kind: str, item: Object) -> bytes:
            nonlocal fresh
            if view == "Table":
                body = tables.table(
                    resource, [item], request.query.get("includeObject", "Metadata"), headers=fresh
                )
                fresh = False
                return _line(kind, {**body, "metadata": {"resourceVersion": _version(item)}})
            if view == "PartialObjectMetadata":
                return _line(kind, partial(item))
            return b'{"type":"%s","object":{"kind":"%s","apiVersion":"%s",%s}\n' % (
                kind.encode(),
                resource.kind.encode(),
                resource.group_version.encode(),
                self.store.encoded(item)[1:],
            )

        bookmarks = request.query.get("allowWatchBookmarks") in ("true", "1")
        if since == 0 or initial:
            since = self.store.version
            for item in self.store.items(resource.plural, info.namespace):
                if matches(item):
                    yield line("ADDED", item)
            if initial and bookmarks:
                yield self._bookmark(resource, since, {"k8s.io/initial-events-end": "true"})
        changes = self.store.watch(since)
        deadline = time.monotonic() + float(request.query.get("timeoutSeconds") or WATCH_S)
        marks = _bookmark_times(time.monotonic(), deadline) if bookmarks else iter(())
        mark = next(marks, deadline)
        waiting: asyncio.Task[Change] | None = None
        try:
            while (now := time.monotonic()) < deadline:
                waiting = waiting or asyncio.ensure_future(anext(changes))
                done, _ = await asyncio.wait({waiting}, timeout=max(0.0, min(mark, deadline) - now))
                if time.monotonic() >= mark and mark < deadline:
                    yield self._bookmark(resource, self.store.version)
                    mark = next(marks, deadline)
                if not done:
                    continue
                change, waiting = waiting.result(), None
                if event := _event(change, resource.plural, info.namespace, matches):
                    yield line(*event)
        except ResourceExpired as error:
            yield _line("ERROR", status.expired(str(error)).body)
        finally:
            if waiting is not None:
                waiting.cancel()

    def _bookmark(
        self, resource: Resource, version: int, annotations: Object | None = None
    ) -> bytes:
        metadata: Object = {"resourceVersion": str(version)}
        if annotations:
            metadata["annotations"] = annotations
        head = {"kind": resource.kind, "apiVersion": resource.group_version, "metadata": metadata}
        return _line("BOOKMARK", {**head, **json.loads(resource.empty)})


def _bookmark_times(start: float, deadline: float) -> Iterator[float]:
    """Each minute, and once shortly before the end (2 s, or half way in a short watch)."""
    last = max(deadline - 2, (start + deadline) / 2)
    while (start := start + BOOKMARK_S) < last:
        yield start
    yield last


def _initial_events(request: web.Request) -> bool:
    if request.query.get("sendInitialEvents") not in ("true", "1"):
        return False
    if request.query.get("resourceVersionMatch") != "NotOlderThan":
        message = (
            'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires '
            "setting resourceVersionMatch to NotOlderThan"
        )
        raise status.ApiError(
            422, "Invalid", message, {"group": "meta.k8s.io", "kind": "ListOptions"}
        )
    return True


def _event(change: Change, plural: str, namespace: str, matches: Any) -> tuple[str, Object] | None:
    """How a change looks through a selector: what begins to match is ADDED, what ceases to is DELETED."""
    if change.resource != plural or (
        namespace and change.item["metadata"].get("namespace") != namespace
    ):
        return None
    was = change.before is not None and matches(change.before)
    if change.kind == "DELETED":
        return ("DELETED", change.item) if was else None
    if matches(change.item):
        return ("MODIFIED" if was else "ADDED", change.item)
    return ("DELETED", change.item) if was else None


def _line(kind: str, body: Object) -> bytes:
    return json.dumps({"type": kind, "object": body}, separators=(",", ":")).encode() + b"\n"


def _version(item: Object) -> str:
    return str(item["metadata"].get("resourceVersion", ""))


def _token(version: int, key: str) -> str:
    """`continue` as etcd3's storage makes it: the version, and the first key of the next page."""
    state = json.dumps({"v": META, "rv": version, "start": f"/{key}\0"}, separators=(",", ":"))
    return base64.urlsafe_b64encode(state.encode()).decode().rstrip("=")


def too_large(asked: int, current: int) -> status.ApiError:
    message = f"Timeout: Too large resource version: {asked}, current: {current}"
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    return status.ApiError(504, "Timeout", message, {"causes": [cause], "retryAfterSeconds": 1})
