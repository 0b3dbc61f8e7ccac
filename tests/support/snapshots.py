"""Snapshots made by hand for tests of rules: two nodes, three pods, and vantage points at one of each."""

from __future__ import annotations

from typing import Any

from collectors.events import (
    ConntrackGroup,
    ConntrackTable,
    LinkRow,
    NamespaceRow,
    NetworkState,
    NodeRow,
    PodRow,
    RouteRow,
)
from collectors.findings import Finding
from collectors.sockets.rows import SocketRow
from diagnosis import rules
from diagnosis.snapshot import Conversation, Snapshot, TargetView

NODE = NodeRow("n1", "192.168.0.1", "a", True, "linux", "amd64", pod_cidrs=("10.1.0.0/24",))
OTHER = NodeRow("n2", "192.168.0.2", "b", True, "linux", "amd64", pod_cidrs=("10.2.0.0/24",))
POD = PodRow(
    "shop",
    "web-1",
    "u1",
    "n1",
    "10.1.0.5",
    "Running",
    "1/1",
    0,
    0.0,
    workload="Deployment/web",
    labels=(("app", "web"),),
)
API = PodRow(
    "shop",
    "api-1",
    "u2",
    "n2",
    "10.2.0.5",
    "Running",
    "1/1",
    0,
    0.0,
    workload="Deployment/api",
    labels=(("app", "api"),),
)
NEAR = PodRow(
    "shop",
    "api-2",
    "u3",
    "n1",
    "10.1.0.6",
    "Running",
    "1/1",
    0,
    0.0,
    workload="Deployment/api",
    labels=(("app", "api"),),
)
VALUES = {"conntrack_count": 5_000, "conntrack_max": 262_144, "TcpRetransSegs": 1}


def node(
    values: dict[str, int] | None = None, deltas: dict[str, int] | None = None, **more: Any
) -> TargetView:
    return TargetView(
        "node/n1",
        "node",
        "n1",
        100.0,
        "whole node",
        None,
        {**VALUES, **(values or {})},
        deltas or {},
        15.0,
        **more,
    )


def pod(
    values: dict[str, int] | None = None, deltas: dict[str, int] | None = None, **more: Any
) -> TargetView:
    return TargetView(
        "pod/shop/web-1",
        "pod",
        "n1",
        100.0,
        "this pod",
        POD,
        {**VALUES, **(values or {})},
        deltas or {},
        15.0,
        **more,
    )


def found(*targets: TargetView, **rows: Any) -> dict[str, Finding]:
    base: dict[str, Any] = {
        "pods": (POD, API, NEAR),
        "nodes": (NODE, OTHER),
        "namespaces": (NamespaceRow("shop"),),
    }
    return {f.rule: f for f in rules.findings(Snapshot(100.0, targets, **{**base, **rows}))}


def talk(**more: Any) -> Conversation:
    return Conversation(
        "TCP",
        POD.ip,
        API.ip,
        8080,
        **{"flows": 20, "answered": 20, "segments": 400, "rtt_ms": 0.2, **more},
    )


def sockets(count: int, state: str = "ESTAB", peer: str = API.ip) -> tuple[SocketRow, ...]:
    return tuple(
        SocketRow("tcp", state, POD.ip, 30_000 + n, peer, 8080, rtt=1.5) for n in range(count)
    )


CPU = {"cpu_total": 3000, "cpu/0/total": 1500, "cpu/1/total": 1500}
OVERLAY = LinkRow(
    "flannel.1",
    "vxlan",
    1450,
    "UNKNOWN",
    ("10.1.0.0/32",),
    detail="id 1 local 192.168.0.1 port 8472",
)
ETH = LinkRow("eth0", "", 1500, "UP", ("192.168.0.1/24",))
ROUTES = (
    RouteRow("default", "eth0", "192.168.0.254"),
    RouteRow("10.2.0.0/24", "flannel.1", "10.2.0.0"),
)
SETUP = NetworkState(
    100.0, "node/n1", (ETH, OVERLAY), ROUTES, forwarding=(("02:77", "192.168.0.2", "flannel.1"),)
)


def conntrack_table(rows: tuple[ConntrackGroup, ...]) -> ConntrackTable:
    return ConntrackTable(100.0, "node/n1", sum(g.count for g in rows), rows)


SNAT = conntrack_table(
    (
        ConntrackGroup(
            60_000, "tcp", "TIME_WAIT", POD.ip, "203.0.113.9", 443, "203.0.113.9", 443, True, True
        ),
    )
)
