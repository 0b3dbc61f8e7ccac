"""The inventory of a cluster: every kind that podwire looks at, as events on the stream."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Literal, cast

from collectors.backoff import Backoff
from collectors.cluster.api.connection import Cluster
from collectors.cluster.api.discovery import ServedKind, served_policies
from collectors.cluster.inventory import foreign_policies
from collectors.cluster.inventory.foreign_lists import ForeignPolicyLists
from collectors.cluster.inventory.list_health import ListHealth
from collectors.cluster.inventory.row_builders import KINDS, SELECTED, built
from collectors.cluster.inventory.watch import (
    LONGEST_WAIT_S,
    REFUSED_WAIT_S,
    Item,
    KindWatch,
    ListedRows,
    WatchedKind,
)
from collectors.errors import ClusterError, Forbidden
from collectors.events import InventoryChange, InventoryList, Row
from collectors.stream import Stream

Verb = Literal["ADDED", "MODIFIED", "DELETED"]


class Inventory:
    """Follows a cluster's objects. Policies of other APIs are discovered once."""

    def __init__(self, cluster: Cluster, session: Stream) -> None:
        self.cluster = cluster
        self.session = session
        self.health = ListHealth(session)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.health.check_server(self.cluster.rest))
            for kind in KINDS:
                watch = KindWatch(self.cluster, _core_kind(kind), self, self.health)
                group.create_task(watch.run())
            group.create_task(self._follow_foreign(group))

    async def _follow_foreign(self, group: asyncio.TaskGroup) -> None:
        served, unknown = await self._discover()
        lists = ForeignPolicyLists(self.session, [kind.name for kind in served], unknown)
        for kind in served:
            watch = KindWatch(self.cluster, _foreign_kind(kind), lists, self.health)
            group.create_task(watch.run())

    async def _discover(self) -> tuple[list[ServedKind], str]:
        backoff = Backoff(longest=LONGEST_WAIT_S)
        while True:
            try:
                found = await served_policies(self.cluster.rest)
            except ClusterError as error:
                asked = error.retry_after
                if isinstance(error, Forbidden):
                    self.refused(foreign_policies.KIND, str(error))
                    asked = REFUSED_WAIT_S
                else:
                    self.health.failed(foreign_policies.KIND, str(error))
                await asyncio.sleep(backoff.next(asked))
            else:
                self.health.works(foreign_policies.KIND)
                return found

    # --- the consumer of the core kinds' rows

    def listed(self, name: str, listed: ListedRows) -> None:
        event = InventoryList(
            time.time(),
            "",
            name,
            listed.rows,
            refused=listed.missing,
            namespace=listed.namespace,
        )
        self.session.publish(event)

    def refused(self, name: str, reason: str) -> None:
        self.session.publish(InventoryList(time.time(), "", name, (), refused=reason))

    def changed(self, name: str, verb: str, row: Row) -> None:
        self.session.publish(InventoryChange(time.time(), "", cast(Verb, verb), row))


def _core_kind(kind: str) -> WatchedKind:
    path, namespaced_path, _ = KINDS[kind]
    return WatchedKind(
        name=kind,
        path=path,
        namespaced_path=namespaced_path,
        rows=partial(built, kind),
        query=SELECTED.get(kind, {}),
    )


def _foreign_kind(served: ServedKind) -> WatchedKind:
    build = partial(
        foreign_policies.foreign_row,
        api_version=served.api_version,
        kind=served.foreign.kind,
    )
    return WatchedKind(
        name=served.name,
        path=served.path,
        namespaced_path=served.namespaced_path,
        rows=partial(_rows, build),
        query={},
        optional=True,
    )


def _rows(build: Callable[[Item], Row], items: Iterable[Item]) -> tuple[list[Row], int]:
    rows: list[Row] = []
    unreadable = 0
    for item in items:
        try:
            rows.append(build(item))
        except (AttributeError, TypeError, ValueError):
            unreadable += 1
    return rows, unreadable
