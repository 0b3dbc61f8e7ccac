"""The inventory of a cluster: every kind that podwire looks at, as events on the stream."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from typing import cast

from collectors.backoff import Backoff
from collectors.cluster.api.connection import Cluster
from collectors.cluster.api.discovery import ServedKind, served_policies
from collectors.cluster.inventory import foreign_policies, live_policies
from collectors.cluster.inventory.foreign_lists import ForeignPolicyLists, Verb
from collectors.cluster.inventory.list_health import ListHealth
from collectors.cluster.inventory.live_policies import policies_built
from collectors.cluster.inventory.row_builders import KINDS, SELECTED, built, built_by
from collectors.cluster.inventory.watch import (
    LONGEST_WAIT_S,
    REFUSED_WAIT_S,
    KindWatch,
    ListedRows,
    RowConsumer,
    WatchedKind,
)
from collectors.errors import ClusterError, Forbidden
from collectors.events import InventoryChange, InventoryList, Row
from collectors.stream import Stream


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
                group.create_task(self._watch(_core_kind(kind), self).run())
            group.create_task(self._follow_foreign(group))

    def _watch(self, kind: WatchedKind, consumer: RowConsumer) -> KindWatch:
        return KindWatch(self.cluster, kind, consumer, self.health)

    async def _follow_foreign(self, group: asyncio.TaskGroup) -> None:
        served, unknown = await self._discover()
        for kind in (foreign_policies.KIND, foreign_policies.CUTTING):
            self._follow_list(group, kind, served, unknown)

    def _follow_list(
        self, group: asyncio.TaskGroup, kind: str, served: Sequence[ServedKind], unknown: str
    ) -> None:
        own = [one for one in served if _list_of(one) == kind]
        lists = ForeignPolicyLists(self.session, kind, [one.name for one in own], unknown)
        for one in own:
            group.create_task(self._watch(_foreign_kind(one), lists).run())

    async def _discover(self) -> tuple[list[ServedKind], str]:
        backoff = Backoff(longest=LONGEST_WAIT_S)
        while True:
            try:
                found = await served_policies(self.cluster.rest)
            except ClusterError as error:
                await asyncio.sleep(backoff.next(self._not_discovered(error)))
            else:
                self.health.works(foreign_policies.KIND)
                return found

    def _not_discovered(self, error: ClusterError) -> float:
        """Say it; returns the seconds to wait at least."""
        if isinstance(error, Forbidden):
            self.refused(foreign_policies.KIND, str(error))
            self.refused(foreign_policies.CUTTING, str(error))
            return REFUSED_WAIT_S
        self.health.failed(foreign_policies.KIND, str(error))
        return error.retry_after

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
    rows = policies_built if kind == live_policies.KIND else partial(built, kind)
    query = SELECTED.get(kind, {})
    return WatchedKind(kind, path, namespaced_path, rows=rows, query=query)


def _list_of(served: ServedKind) -> str:
    return foreign_policies.list_of(served.api_version, served.foreign.kind)


def _foreign_kind(served: ServedKind) -> WatchedKind:
    build = partial(
        foreign_policies.foreign_row, api_version=served.api_version, kind=served.foreign.kind
    )
    return WatchedKind(
        name=served.name,
        path=served.path,
        namespaced_path=served.namespaced_path,
        rows=partial(built_by, build),
        query={},
        optional=True,
    )
