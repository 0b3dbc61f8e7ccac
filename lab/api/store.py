"""The lab's API objects: one ordered history of changes, listed and watched like etcd through an API server."""

from __future__ import annotations

import asyncio
import copy
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Object = dict[str, Any]
Selector = Callable[[Object], bool]
HISTORY = 4096


class Expired(Exception):
    """The watch asks for a resourceVersion that is no longer in the history (410 Gone)."""

    def __init__(self, asked: int, oldest: int) -> None:
        super().__init__(f"too old resource version: {asked} ({oldest})")


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class Change:
    version: int
    kind: str  # ADDED, MODIFIED, DELETED
    resource: str
    item: Object


class Store:
    """Objects by (resource, namespace, name). Stored objects are never changed in place: readers keep theirs."""

    def __init__(self) -> None:
        self.version = 100
        self._objects: dict[str, dict[tuple[str, str], Object]] = {}
        self._history: deque[Change] = deque(maxlen=HISTORY)
        self._changed = asyncio.Event()

    def get(self, resource: str, namespace: str, name: str) -> Object | None:
        return self._objects.get(resource, {}).get((namespace, name))

    def items(self, resource: str, namespace: str = "") -> Iterator[Object]:
        for (where, _), item in sorted(self._objects.get(resource, {}).items()):
            if not namespace or where == namespace:
                yield item

    def put(self, resource: str, item: Object) -> Object:
        """Add or replace an object; gives it uid, creationTimestamp and the next resourceVersion."""
        item = copy.deepcopy(item)
        metadata = item["metadata"]
        key = (metadata.get("namespace", ""), metadata["name"])
        known = self._objects.setdefault(resource, {})
        kind = "MODIFIED" if key in known else "ADDED"
        metadata.setdefault("uid", str(uuid.uuid4()))
        metadata.setdefault("creationTimestamp", now())
        known[key] = item
        self._record(kind, resource, item)
        return item

    def edit(self, resource: str, namespace: str, name: str, change: Callable[[Object], None]) -> Object | None:
        """Apply `change` to a copy of the object and store that; None where the object is gone."""
        current = self.get(resource, namespace, name)
        if current is None:
            return None
        item = copy.deepcopy(current)
        change(item)
        return self.put(resource, item)

    def remove(self, resource: str, namespace: str, name: str) -> Object | None:
        item = self._objects.get(resource, {}).pop((namespace, name), None)
        if item is not None:
            item = copy.deepcopy(item)
            self._record("DELETED", resource, item)
        return item

    def _record(self, kind: str, resource: str, item: Object) -> None:
        self.version += 1
        item["metadata"]["resourceVersion"] = str(self.version)
        self._history.append(Change(self.version, kind, resource, item))
        self._changed.set()
        self._changed = asyncio.Event()

    async def watch(self, resource: str, since: int) -> AsyncIterator[Change]:
        """Changes of a resource after version `since`, for ever. Raises Expired where some are forgotten."""
        while True:
            waiter = self._changed
            if self._history and since < self._history[0].version - 1:
                raise Expired(since, self._history[0].version)
            for change in [c for c in self._history if c.version > since]:
                since = change.version
                if change.resource == resource:
                    yield change
            await waiter.wait()
