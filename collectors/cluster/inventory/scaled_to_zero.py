"""Workloads that are scaled to zero: why a Service has no endpoints, and nothing is wrong.

Read from time to time, not watched; where they may not be listed nothing is known of them, and
nothing else needs them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from collectors.cluster.api.connection import Cluster
from collectors.cluster.api.fields import listed_at, mapping_at, next_page
from collectors.cluster.inventory.object_fields import labels_of, name_of
from collectors.errors import ClusterError
from collectors.events import InventoryList, ScaledRow
from collectors.stream import Stream

KIND = "scaledtozero"
EVERY_S, PAGE = 60.0, 500
RESOURCES = ("deployments", "statefulsets")  # of apps/v1


async def follow(cluster: Cluster, session: Stream) -> None:
    """Publishes them as they change, until cancelled."""
    known: tuple[ScaledRow, ...] | None = None
    while True:
        rows = await _sorted_rows(cluster)
        if rows != known:
            known = rows
            session.publish(InventoryList(time.time(), "", KIND, rows))
        await asyncio.sleep(EVERY_S)


async def _sorted_rows(cluster: Cluster) -> tuple[ScaledRow, ...]:
    found = [row async for row in _read(cluster)]
    return tuple(sorted(found, key=lambda row: (row.namespace, row.name)))


async def _read(cluster: Cluster) -> AsyncIterator[ScaledRow]:
    for resource in RESOURCES:
        try:
            async for item in _pages(cluster, f"/apis/apps/v1/{resource}"):
                if (row := scaled_row(item)) is not None:
                    yield row
        except (ClusterError, AttributeError, TypeError):
            continue


async def _pages(cluster: Cluster, path: str) -> AsyncIterator[Mapping[str, Any]]:
    more: dict[str, str] = {}
    while True:
        body = await cluster.rest.get(path, limit=PAGE, **more)
        for item in listed_at(body, "items", f"list {path}"):
            yield item
        more = {"continue": next_page(body)}
        if not more["continue"]:
            return


def scaled_row(item: Mapping[str, Any]) -> ScaledRow | None:
    """None of a workload that is to have pods."""
    spec = mapping_at(item, "spec")
    if spec.get("replicas") != 0:
        return None
    labels = labels_of(mapping_at(spec, "template", "metadata", "labels"))
    return ScaledRow(name_of(item, "namespace"), name_of(item), labels)
