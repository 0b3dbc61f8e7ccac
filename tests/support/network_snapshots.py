"""Snapshots of nodes whose CNI and kube-proxy are set up in several manners."""

from __future__ import annotations

from typing import Any

from collectors.events import (
    LinkRow,
    NetworkState,
    RouteRow,
    RuleCount,
    RuleTables,
    ServicePort,
    ServiceRow,
    SettingsRow,
)
from collectors.findings import Finding
from diagnosis.snapshot import Snapshot, TargetView
from tests.support.snapshots import API, NODE, OTHER, POD, node


def settings(name: str, **values: str) -> SettingsRow:
    return SettingsRow(
        name,
        f"configmap of {name}",
        tuple(sorted((k.replace("__", "."), v) for k, v in values.items())),
    )


def host(device: str, kind: str, address: str = "192.168.0.1/24", **more: Any) -> TargetView:
    links = (LinkRow("eth0", "", 1500, "UP", (address,)), LinkRow(device, kind, 1450, "UP"))
    return node(
        network=NetworkState(1, "node/n1", links, (RouteRow("10.2.0.0/24", device),)), **more
    )


def network_snapshot(*rows: SettingsRow, view: TargetView | None = None, **more: Any) -> Snapshot:
    view = view or host("flannel.1", "vxlan")
    return Snapshot(100.0, (view,), (POD, API), (NODE, OTHER), settings=rows, **more)


def only(found: list[Finding], rule: str) -> Finding:
    assert [f.rule for f in found] == [rule], found
    return found[0]


DIRECT = settings("flannel", Backend__Type="vxlan", Backend__DirectRouting="true")


def services(count: int) -> tuple[ServiceRow, ...]:
    ports = (ServicePort("", 80, "TCP", "80"),)
    return tuple(
        ServiceRow(
            "shop", f"s{n}", (f"10.96.{n // 250}.{n % 250}",), (), "ClusterIP", targets=ports
        )
        for n in range(count)
    )


def counted(*rows: RuleCount) -> TargetView:
    return node(
        rules=RuleTables(1, "node/n1", rows), network=NetworkState(1, "node/n1", kernel="5.4.0-100")
    )
