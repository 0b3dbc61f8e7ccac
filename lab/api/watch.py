"""watch of every resource: one JSON line a change, bookmarks, initial events, 410 when too old."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator

from aiohttp import web

from lab.api import status
from lab.api.hooks import Hooks
from lab.api.reading import Matches, partial, selector_of, table_of, version_of, view_of
from lab.api.requestinfo import RequestInfo
from lab.api.resources import Resource
from lab.api.store import Change, Object, ObjectStore, ResourceExpired

BOOKMARK_S = 60.0
WATCH_S = 1800.0
NOT_OLDER_THAN_NEEDED = (
    'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents '
    "requires setting resourceVersionMatch to NotOlderThan"
)


async def serve_watch(
    request: web.Request, info: RequestInfo, resource: Resource, store: ObjectStore, hooks: Hooks
) -> web.StreamResponse:
    """Answer one watch until the client leaves or `timeoutSeconds` pass."""
    watch = ResourceWatch(request, info, resource, store)
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    with hooks.stream(request, info) as stream:
        async for line in watch.lines():
            await stream.pass_on()
            await response.write(line)
    return response


class ResourceWatch:
    """One client's watch. ApiError for options that a real API server refuses."""

    def __init__(
        self, request: web.Request, info: RequestInfo, resource: Resource, store: ObjectStore
    ) -> None:
        self.request = request
        self.resource = resource
        self.namespace = info.namespace
        self.store = store
        self.matches = selector_of(request, resource)
        self._since = _asked_version(request)
        self._initial = _initial_events(request)
        self._bookmarks = request.query.get("allowWatchBookmarks") in ("true", "1")
        self._view = view_of(request)
        self._headers = True  # only a watch's first table has column definitions

    async def lines(self) -> AsyncIterator[bytes]:
        if self._since == 0 or self._initial:
            self._since = self.store.version
            for line in self._initial_lines():
                yield line
        try:
            async for line in self._changes():
                yield line
        except ResourceExpired as error:
            yield _line("ERROR", status.expired(str(error)).body)

    def _initial_lines(self) -> Iterator[bytes]:
        for item in self.store.items(self.resource.plural, self.namespace):
            if self.matches(item):
                yield self._item_line("ADDED", item)
        if self._initial and self._bookmarks:
            yield self._bookmark(self._since, {"k8s.io/initial-events-end": "true"})

    async def _changes(self) -> AsyncIterator[bytes]:
        changes = self.store.watch(self._since)
        start = time.monotonic()
        deadline = start + float(self.request.query.get("timeoutSeconds") or WATCH_S)
        times = _bookmark_times(start, deadline) if self._bookmarks else iter(())
        next_bookmark = next(times, deadline)
        waiting: asyncio.Task[Change] | None = None
        try:
            while (now := time.monotonic()) < deadline:
                waiting = waiting or asyncio.ensure_future(anext(changes))
                wait_s = max(0.0, min(next_bookmark, deadline) - now)
                done, _ = await asyncio.wait({waiting}, timeout=wait_s)
                if next_bookmark <= time.monotonic() and next_bookmark < deadline:
                    yield self._bookmark(self.store.version)
                    next_bookmark = next(times, deadline)
                if not done:
                    continue
                change, waiting = waiting.result(), None
                if event := _event(change, self.resource.plural, self.namespace, self.matches):
                    yield self._item_line(*event)
        finally:
            if waiting is not None:
                waiting.cancel()

    def _item_line(self, kind: str, item: Object) -> bytes:
        if self._view == "Table":
            body = table_of(self.request, self.resource, [item], headers=self._headers)
            self._headers = False
            return _line(kind, {**body, "metadata": {"resourceVersion": version_of(item)}})
        if self._view == "PartialObjectMetadata":
            return _line(kind, partial(item))
        return b'{"type":"%s","object":{"kind":"%s","apiVersion":"%s",%s}\n' % (
            kind.encode(),
            self.resource.kind.encode(),
            self.resource.group_version.encode(),
            self.store.encoded(item)[1:],
        )

    def _bookmark(self, version: int, annotations: Object | None = None) -> bytes:
        metadata: Object = {"resourceVersion": str(version)}
        if annotations:
            metadata["annotations"] = annotations
        head = {"kind": self.resource.kind, "apiVersion": self.resource.group_version}
        return _line("BOOKMARK", {**head, "metadata": metadata, **json.loads(self.resource.empty)})


def _asked_version(request: web.Request) -> int:
    asked = request.query.get("resourceVersion", "")
    if asked and not asked.isdigit():
        raise status.bad_request(f"resourceVersion: Invalid value: {json.dumps(asked)}")
    return int(asked or 0)


def _initial_events(request: web.Request) -> bool:
    if request.query.get("sendInitialEvents") not in ("true", "1"):
        return False
    if request.query.get("resourceVersionMatch") == "NotOlderThan":
        return True
    details = {"group": "meta.k8s.io", "kind": "ListOptions"}
    raise status.ApiError(422, "Invalid", NOT_OLDER_THAN_NEEDED, details)


def _bookmark_times(start: float, deadline: float) -> Iterator[float]:
    """Each minute, and once 2 s before the end (at the midpoint of a watch under 4 s)."""
    last = max(deadline - 2, (start + deadline) / 2)
    while (start := start + BOOKMARK_S) < last:
        yield start
    yield last


def _event(
    change: Change, plural: str, namespace: str, matches: Matches
) -> tuple[str, Object] | None:
    """A change as a selector shows it: ADDED when it begins to match, DELETED when it ceases to."""
    item = change.item
    if change.resource != plural or (namespace and item["metadata"].get("namespace") != namespace):
        return None
    was = change.before is not None and matches(change.before)
    if change.kind != "DELETED" and matches(item):
        return ("MODIFIED" if was else "ADDED", item)
    return ("DELETED", item) if was else None


def _line(kind: str, body: Object) -> bytes:
    return json.dumps({"type": kind, "object": body}, separators=(",", ":")).encode() + b"\n"
