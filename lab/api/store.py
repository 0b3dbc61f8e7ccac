"""The lab's API objects: one ordered history of changes, listed and watched like etcd through an
API server."""

from __future__ import annotations

import asyncio
import copy
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lab.api.compact_json import compact

Object = dict[str, Any]
ObjectsByKey = dict[str, Object]  # as `key_of` gives it
Selector = Callable[[Object], bool]
HISTORY = 8192


class ResourceExpired(Exception):
    """The resourceVersion asked for is no longer in the history (410 Gone)."""

    def __init__(self, asked: int, oldest: int) -> None:
        super().__init__(f"too old resource version: {asked} ({oldest})")


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def key_of(item: Object) -> str:
    """`namespace/name`, in the order of which lists and `continue` tokens go (etcd's keys)."""
    metadata = item["metadata"]
    return f"{metadata.get('namespace', '')}/{metadata['name']}"


@dataclass(frozen=True, slots=True)
class Change:
    version: int
    kind: str  # ADDED, MODIFIED, DELETED
    resource: str
    item: Object
    before: Object | None

    def undo(self, objects: ObjectsByKey) -> None:
        """Objects by key, as they were before it."""
        key = key_of(self.item)
        objects.pop(key, None)
        if self.before is not None:
            objects[key] = self.before


class ObjectStore:
    """Objects by resource and `namespace/name`. Stored objects are never changed in place: readers
    keep theirs."""

    def __init__(self) -> None:
        self.version = 100
        self._objects: dict[str, ObjectsByKey] = {}
        self._history: list[Change] = []
        self._oldest = 100  # the last version that the history does not cover
        self._changed = asyncio.Event()
        self._encoded: dict[int, tuple[Object, bytes]] = {}

    def get(self, resource: str, namespace: str, name: str) -> Object | None:
        return self._objects.get(resource, {}).get(f"{namespace}/{name}")

    def items(self, resource: str, namespace: str = "") -> Iterator[Object]:
        """Every object in key order."""
        return iter(_in_order(self._objects.get(resource, {}), namespace))

    def items_at(self, resource: str, namespace: str, version: int) -> list[Object]:
        """The objects as they were at `version`; ResourceExpired where the history does not reach
        back so far."""
        objects = dict(self._objects.get(resource, {}))
        for change in reversed(self._changes_since(version)):
            if change.resource == resource:
                change.undo(objects)
        return _in_order(objects, namespace)

    def _changes_since(self, version: int) -> list[Change]:
        """ResourceExpired where some are forgotten."""
        if version < self._oldest:
            raise ResourceExpired(version, self._oldest + 1)
        return self._history[version - self._oldest :]

    def put(self, resource: str, item: Object, own: bool = False) -> Object:
        """Add or replace an object; gives it uid, creationTimestamp and the next resourceVersion.

        `own`: the caller hands the object over (not copied; parts of it may be shared with other
        objects).
        """
        item = _with_own_metadata(item) if own else copy.deepcopy(item)
        _set_identity(item["metadata"])
        known = self._objects.setdefault(resource, {})
        before = known.get(key_of(item))
        known[key_of(item)] = item
        self._record(resource, item, before)
        return item

    def put_all(self, resource: str, items: Iterable[Object]) -> None:
        for item in items:
            self.put(resource, item)

    def edit(
        self, resource: str, namespace: str, name: str, change: Callable[[Object], None]
    ) -> Object | None:
        """Apply `change` to a copy of the object and store that, if it differs; None where the
        object is gone."""
        current = self.get(resource, namespace, name)
        if current is None:
            return None
        item = copy.deepcopy(current)
        change(item)
        return current if item == current else self.put(resource, item, own=True)

    def remove(self, resource: str, namespace: str, name: str) -> Object | None:
        item = self._objects.get(resource, {}).pop(f"{namespace}/{name}", None)
        if item is None:
            return None
        last = _with_own_metadata(item)
        self._add_change("DELETED", resource, last, item)
        return last

    def expire(self) -> None:
        """Forget the history, as etcd's compaction does: watches from older versions get 410."""
        self._history.clear()
        self._oldest = self.version

    def _record(self, resource: str, item: Object, before: Object | None) -> None:
        self._add_change("ADDED" if before is None else "MODIFIED", resource, item, before)

    def _add_change(self, kind: str, resource: str, item: Object, before: Object | None) -> None:
        self.version += 1
        item["metadata"]["resourceVersion"] = str(self.version)
        self._history.append(Change(self.version, kind, resource, item, before))
        self._forget_old()
        self._wake()

    def _forget_old(self) -> None:
        if len(self._history) > 2 * HISTORY:
            del self._history[:HISTORY]
            self._oldest = self._history[0].version - 1

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def watch(self, since: int) -> AsyncIterator[Change]:
        """Every change after version `since`, for ever. Raises ResourceExpired where some are
        forgotten."""
        while True:
            waiter = self._changed
            while since < self.version:
                change = self._next_change(since)
                since = change.version
                yield change
            await waiter.wait()

    def _next_change(self, since: int) -> Change:
        if since < self._oldest:
            raise ResourceExpired(since, self._oldest + 1)
        return self._history[since - self._oldest]

    def encoded(self, item: Object) -> bytes:
        """An object of this store as JSON, kept for the next reader as long as the object is
        current."""
        known, data = self._encoded.get(id(item), (None, b""))
        return data if known is item else self._encode(item)

    def _encode(self, item: Object) -> bytes:
        if len(self._encoded) > HISTORY:
            self._encoded.clear()
        data = compact(item)
        self._encoded[id(item)] = (item, data)
        return data


def _with_own_metadata(item: Object) -> Object:
    """A shallow copy whose metadata can be changed."""
    return {**item, "metadata": dict(item["metadata"])}


def _set_identity(metadata: Object) -> None:
    metadata.setdefault("uid", str(uuid.uuid4()))
    metadata.setdefault("creationTimestamp", now())


def _in_order(objects: ObjectsByKey, namespace: str) -> list[Object]:
    prefix = f"{namespace}/" if namespace else ""
    return [objects[key] for key in sorted(objects) if key.startswith(prefix)]
