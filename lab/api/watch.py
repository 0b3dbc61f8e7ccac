"""watch of every resource: one JSON line a change, bookmarks, initial events, 410 when too old."""

from __future__ import annotations

import asyncio
import json
import time
from asyncio import Task
from collections.abc import AsyncIterator, Iterator

from aiohttp.web import StreamResponse

from lab.api import status
from lab.api.compact_json import compact
from lab.api.hooks import Hooks
from lab.api.reading import Query, selector_of, table_of
from lab.api.representation import partial, version_of, view_of
from lab.api.requestinfo import ApiCall
from lab.api.status import ApiError, bad_request
from lab.api.store import Change, Object, ObjectStore, ResourceExpired

BOOKMARK_S = 60.0
WATCH_S = 1800.0
INITIAL_EVENTS_END = {"k8s.io/initial-events-end": "true"}
NOT_OLDER_THAN_NEEDED = (
    'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents '
    "requires setting resourceVersionMatch to NotOlderThan"
)


async def serve_watch(call: ApiCall, store: ObjectStore, hooks: Hooks) -> StreamResponse:
    """Answer one watch until the client leaves or `timeoutSeconds` pass."""
    watch = ResourceWatch(call, store)
    response = StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(call.request)
    with hooks.stream(call.request, call.info) as stream:
        async for line in watch.lines():
            await stream.pass_on()
            await response.write(line)
    return response


class BookmarkTimes:
    """When a watch of `length_s` ends, and when its bookmarks are due, if it has any (seconds of
    the monotonic clock)."""

    def __init__(self, length_s: float, wanted: bool) -> None:
        start = time.monotonic()
        self.deadline = start + length_s
        self._times = _bookmark_times(start, self.deadline) if wanted else iter(())
        self._next = next(self._times, self.deadline)

    def wait_s(self) -> float:
        return max(0.0, min(self._next, self.deadline) - time.monotonic())

    def is_over(self) -> bool:
        return time.monotonic() >= self.deadline

    def is_due(self) -> bool:
        """Whether a bookmark is to be sent now; asked once for each."""
        due = self._next <= time.monotonic() and self._next < self.deadline
        if due:
            self._next = next(self._times, self.deadline)
        return due


class ResourceWatch:
    """One client's watch. ApiError for options that a real API server refuses."""

    def __init__(self, call: ApiCall, store: ObjectStore) -> None:
        self.call = call
        self.resource = call.resource
        self.namespace = call.info.namespace
        self.store = store
        self.matches = selector_of(call)
        self._since = _asked_version(call.query)
        self._initial = _initial_events(call.query)
        self._bookmarks = call.query.get("allowWatchBookmarks") in ("true", "1")
        self._view = view_of(call.request)
        self._headers = True  # only a watch's first table has column definitions

    async def lines(self) -> AsyncIterator[bytes]:
        for line in self._begin():
            yield line
        try:
            async for line in self._changes():
                yield line
        except ResourceExpired as error:
            yield _line("ERROR", status.expired(str(error)).body)

    def _begin(self) -> Iterator[bytes]:
        """What is there already, for a watch that asks for it."""
        if self._since and not self._initial:
            return
        self._since = self.store.version
        yield from self._initial_lines()

    def _initial_lines(self) -> Iterator[bytes]:
        for item in self.store.items(self.resource.plural, self.namespace):
            if self.matches(item):
                yield self._item_line("ADDED", item)
        if self._initial and self._bookmarks:
            yield self._bookmark(self._since, annotations=INITIAL_EVENTS_END)

    async def _changes(self) -> AsyncIterator[bytes]:
        length_s = float(self.call.query.get("timeoutSeconds") or WATCH_S)
        times = BookmarkTimes(length_s, self._bookmarks)
        async for change in _until(times, self.store.watch(self._since)):
            if change is None:
                yield self._bookmark(self.store.version)
            elif event := self._event(change):
                yield self._item_line(*event)

    def _event(self, change: Change) -> tuple[str, Object] | None:
        """A change as a selector shows it: ADDED when it begins to match, DELETED when it ceases
        to."""
        kind = self._kind_of(change) if self._concerns(change) else ""
        return (kind, change.item) if kind else None

    def _kind_of(self, change: Change) -> str:
        matched = self._matched_before(change)
        if change.kind != "DELETED" and self.matches(change.item):
            return "MODIFIED" if matched else "ADDED"
        return "DELETED" if matched else ""

    def _matched_before(self, change: Change) -> bool:
        return change.before is not None and self.matches(change.before)

    def _concerns(self, change: Change) -> bool:
        if change.resource != self.resource.plural:
            return False
        return self.namespace in ("", change.item["metadata"].get("namespace"))

    def _item_line(self, kind: str, item: Object) -> bytes:
        if self._view == "Table":
            return _line(kind, self._table(item))
        if self._view == "PartialObjectMetadata":
            return _line(kind, partial(item))
        return self._whole_line(kind, item)

    def _whole_line(self, kind: str, item: Object) -> bytes:
        """With the object as the store has encoded it."""
        resource = self.resource
        head = f'"kind":"{resource.kind}","apiVersion":"{resource.group_version}",'
        start = f'{{"type":"{kind}","object":{{{head}'.encode()
        return start + self.store.encoded(item)[1:] + b"}\n"

    def _table(self, item: Object) -> Object:
        body = table_of(self.call, [item], headers=self._headers)
        self._headers = False
        return {**body, "metadata": {"resourceVersion": version_of(item)}}

    def _bookmark(self, version: int, **metadata: Object) -> bytes:
        resource = self.resource
        body = {
            "kind": resource.kind,
            "apiVersion": resource.group_version,
            "metadata": {"resourceVersion": str(version), **metadata},
            **json.loads(resource.empty),
        }
        return _line("BOOKMARK", body)


def _asked_version(query: Query) -> int:
    asked = query.get("resourceVersion") or "0"
    if not asked.isdigit():
        raise bad_request(f"resourceVersion: Invalid value: {json.dumps(asked)}")
    return int(asked)


def _initial_events(query: Query) -> bool:
    if query.get("sendInitialEvents") not in ("true", "1"):
        return False
    if query.get("resourceVersionMatch") == "NotOlderThan":
        return True
    details = {"group": "meta.k8s.io", "kind": "ListOptions"}
    raise ApiError(422, "Invalid", NOT_OLDER_THAN_NEEDED, details)


def _bookmark_times(start: float, deadline: float) -> Iterator[float]:
    """Each minute, and once 2 s before the end (at the midpoint of a watch under 4 s)."""
    last = max(deadline - 2, (start + deadline) / 2)
    while (start := start + BOOKMARK_S) < last:
        yield start
    yield last


async def _until(
    times: BookmarkTimes, changes: AsyncIterator[Change]
) -> AsyncIterator[Change | None]:
    """Each change as it comes, and None when a bookmark is due, until the time is over."""
    waiting: Task[Change] | None = None
    try:
        while not times.is_over():
            waiting = waiting or asyncio.ensure_future(anext(changes))
            done, _ = await asyncio.wait({waiting}, timeout=times.wait_s())
            if times.is_due():
                yield None
            if done:
                change, waiting = waiting.result(), None
                yield change
    finally:
        if waiting is not None:
            waiting.cancel()


def _line(kind: str, body: Object) -> bytes:
    return compact({"type": kind, "object": body}) + b"\n"
