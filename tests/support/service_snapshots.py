"""A Service of two nodes, and what captures there saw of connections to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from collectors.events import ContainerPort, ServicePort, ServiceRow, SliceRow
from diagnosis.paths import PathDirection, PathRow, Segments
from diagnosis.snapshot import Snapshot, TargetView
from tests.support.snapshots import API, NEAR, NODE, OTHER, POD

WEB = ServiceRow(
    "shop",
    "api",
    ("10.96.0.7",),
    ("80/TCP",),
    "ClusterIP",
    (("app", "api"),),
    (ServicePort("http", 80, "TCP", "8080", 30080),),
)
SLICE = SliceRow(
    "shop", "api-x", "api", (API.ip, NEAR.ip), (), (ContainerPort("http", 8080, "TCP"),)
)


def path(endpoint: str, port: int = 8080, **more: Any) -> PathRow:
    """Connections that web-1 opened to the Service."""
    base = {"connections": 9, "asked": "10.96.0.7", "asked_port": 80, "client": POD.ip, **more}
    opened = Segments(syn=base["connections"])
    base.setdefault("to_server", PathDirection(entered=opened, left=opened))
    return PathRow(
        protocol=base.pop("protocol", "TCP"),
        endpoint=endpoint,
        endpoint_port=port,
        sent_as=base["client"],
        **base,
    )


def seen_at(name: str, *paths: PathRow, **more: Any) -> TargetView:
    return TargetView(
        f"node/{name}", "node", name, 100.0, "whole node", values={"x": 1}, paths=paths, **more
    )


def service_snapshot(*views: TargetView, **more: Any) -> Snapshot:
    rows = {
        "pods": (POD, API, NEAR),
        "nodes": (NODE, OTHER),
        "services": (WEB,),
        "slices": (SLICE,),
        **more,
    }
    return Snapshot(100.0, views, **rows)


OTHER_POD = replace(API, name="search-1", uid="u7", ip="10.2.0.66", workload="Deployment/search")
