"""Lists each kind of object page by page, watches it, and hands the rows to a consumer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, Protocol

from collectors.backoff import Backoff
from collectors.cluster.api.connection import Cluster, quote
from collectors.cluster.api.fields import as_mapping, listed_at
from collectors.cluster.inventory.list_health import ListHealth
from collectors.errors import ClusterError, Forbidden, NotFound
from collectors.events import Row
from collectors.frozen import frozen
from collectors.sanitize import sanitize

PAGE = 500
LONGEST_WAIT_S = 30.0
REFUSED_WAIT_S = 60.0  # rights change rarely
SHORT_WATCH_S = 1.0  # a watch that ends sooner is not restarted at once
Item = Mapping[str, Any]


class WatchExpired(Exception):
    """The resourceVersion or continue token is too old for the server (410 Gone): list again."""


@frozen
class WatchedKind:
    """A kind of object to list and watch.

    `namespaced_path` has {} for the namespace; None for kinds without namespaces. `rows` returns
    the rows, and the count of objects that it cannot read. `optional`: the cluster may lack the
    kind.
    """

    name: str
    path: str
    namespaced_path: str | None
    rows: Callable[[Iterable[Item]], tuple[list[Row], int]]
    query: Mapping[str, str]
    optional: bool = False


@frozen
class ListedRows:
    """`namespace` is the one that was listed, '' for all; `unreadable` is the count of objects that
    are not in `rows`."""

    rows: tuple[Row, ...] = ()
    namespace: str = ""
    unreadable: int = 0

    @property
    def missing(self) -> str:
        """What is missing though the user may list it, as a clause; '' if nothing is."""
        return f"{self.unreadable} of them are of an unknown shape" if self.unreadable else ""


class RowConsumer(Protocol):
    """Receives the rows of a kind."""

    def listed(self, name: str, listed: ListedRows) -> None: ...

    def refused(self, name: str, reason: str) -> None: ...

    def changed(self, name: str, verb: str, row: Row) -> None: ...


class KindWatch:
    """Keeps a consumer informed of one kind.

    If the user may not list the kind in all namespaces, it is listed in that of the connection.
    """

    def __init__(
        self, cluster: Cluster, kind: WatchedKind, consumer: RowConsumer, health: ListHealth
    ) -> None:
        self.cluster = cluster
        self.kind = kind
        self.consumer = consumer
        self.health = health
        self._narrowed = False

    async def run(self) -> None:
        """Until cancelled. A failure is reported once, and retried with increasing delays."""
        backoff = Backoff(longest=LONGEST_WAIT_S)
        while True:
            asked = 0.0
            try:
                await self._list_and_watch(backoff)
            except WatchExpired:
                pass
            except Forbidden as error:
                if self._narrow():
                    continue
                self.consumer.refused(self.kind.name, str(error))
                asked = REFUSED_WAIT_S
            except ClusterError as error:
                if self.kind.optional and isinstance(error, NotFound):
                    self.consumer.listed(self.kind.name, ListedRows())
                    asked = REFUSED_WAIT_S
                else:
                    self.health.failed(self.kind.name, str(error))
                    asked = error.retry_after
            await asyncio.sleep(backoff.next(asked))

    def _narrow(self) -> bool:
        """To the connection's namespace, if possible. After a second refusal, back to all."""
        may = bool(self.cluster.namespace and self.kind.namespaced_path)
        self._narrowed = may and not self._narrowed
        return self._narrowed

    async def _list_and_watch(self, backoff: Backoff) -> None:
        version = await self._list()
        backoff.reset()
        while True:
            began = time.monotonic()
            version = await self._watch(version)
            if time.monotonic() - began < SHORT_WATCH_S:
                await asyncio.sleep(SHORT_WATCH_S)

    @property
    def _namespace(self) -> str:
        return self.cluster.namespace if self._narrowed else ""

    @property
    def _path(self) -> str:
        narrow = self.kind.namespaced_path if self._narrowed else None
        return narrow.format(quote(self.cluster.namespace)) if narrow else self.kind.path

    async def _list(self) -> str:
        """Pass on all objects of the kind; returns the resourceVersion to watch from."""
        rows: list[Row] = []
        version, unreadable = "0", 0
        async for page in self._pages():
            items = listed_at(page, "items", f"list {self.kind.name}")
            readable, odd = self.kind.rows(items)
            rows, unreadable = rows + readable, unreadable + odd
            version = str(as_mapping(page.get("metadata")).get("resourceVersion") or "0")
        self.consumer.listed(self.kind.name, ListedRows(tuple(rows), self._namespace, unreadable))
        self.health.works(self.kind.name)
        return version

    async def _pages(self) -> AsyncIterator[Item]:
        token = ""
        while True:
            query = {"limit": PAGE, "continue": token, **self.kind.query}
            what = f"list {self.kind.name}"
            try:
                page = await self.cluster.rest.request("GET", self._path, query, what=what)
            except ClusterError as error:
                if error.status == 410 and token:
                    raise WatchExpired from None
                raise
            yield page
            token = str(as_mapping(page.get("metadata")).get("continue") or "")
            if not token:
                return
            await asyncio.sleep(0)

    async def _watch(self, version: str) -> str:
        """Pass on changes until the server ends the watch; returns the resourceVersion to resume
        from. WatchExpired if the server no longer has that version, or an object is unreadable."""
        name = self.kind.name
        query = {"resourceVersion": version, "allowWatchBookmarks": "true", **self.kind.query}
        async for event in self.cluster.rest.watch(self._path, what=f"watching {name}", **query):
            item, verb = event.get("object"), event.get("type")
            if not isinstance(item, dict):
                raise ClusterError(
                    f"The watch of {name} sent something that is not an event: "
                    f"{sanitize(event, 120)}."
                )
            if verb == "ERROR":
                raise self._watch_error(item)
            version = str((item.get("metadata") or {}).get("resourceVersion") or version)
            if verb in ("ADDED", "MODIFIED", "DELETED"):
                rows, unreadable = self.kind.rows((item,))
                if unreadable:
                    raise WatchExpired  # the list that follows says that something is missing
                self.consumer.changed(name, verb, rows[0])
        return version

    def _watch_error(self, status: Item) -> Exception:
        if status.get("code") == 410:
            return WatchExpired()
        reason = sanitize(status.get("message"), 300)
        return ClusterError(f"The watch of {self.kind.name} failed: {reason}")
