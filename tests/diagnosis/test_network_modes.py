"""Overlay where native routing was meant, iptables at scale, two backends, Cilium's fallbacks: on snapshots made by
hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

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
from diagnosis import rules
from diagnosis.snapshot import Snapshot, TargetView
from tests.support.rules import finder
from tests.support.snapshots import API, NODE, OTHER, POD, node

overlay_found = finder("overlay_fallback", "asymmetric_path")
scale_found = finder("service_scale", "mixed_backends", "ipvs_reuse")
cilium_found = finder("cilium_fallback", "cilium_map")


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


def snapshot(*rows: SettingsRow, view: TargetView | None = None, **more: Any) -> Snapshot:
    view = view or host("flannel.1", "vxlan")
    return Snapshot(100.0, (view,), (POD, API), (NODE, OTHER), settings=rows, **more)


def only(found: list[Finding], rule: str) -> Finding:
    assert [f.rule for f in found] == [rule], found
    return found[0]


DIRECT = settings("flannel", Backend__Type="vxlan", Backend__DirectRouting="true")


@pytest.mark.parametrize(
    "row",
    [
        DIRECT,
        settings("flannel", Backend__Type="host-gw"),
        settings(
            "calico ippools", p__cidr="10.0.0.0/8", p__ipipMode="CrossSubnet", p__vxlanMode="Never"
        ),
        settings("calico ippools", p__cidr="10.0.0.0/8", p__ipipMode="Never", p__vxlanMode="Never"),
        settings("cilium", **{"routing-mode": "native"}),
        settings("cilium", tunnel="disabled"),
        settings("antrea", trafficEncapMode="hybrid"),
    ],
)
def test_an_overlay_where_native_routing_was_meant(row: SettingsRow) -> None:
    found = only(list(overlay_found(snapshot(row))), "overlay_fallback")
    assert "flannel.1" in found.title
    assert found.evidence[0].source == f"configmap of {row.name}"


@pytest.mark.parametrize(
    "row",
    [
        settings("flannel", Backend__Type="vxlan"),
        settings(
            "calico ippools", p__cidr="10.0.0.0/8", p__ipipMode="Always", p__vxlanMode="Never"
        ),
        settings(
            "calico ippools", p__cidr="172.16.0.0/12", p__ipipMode="Never", p__vxlanMode="Never"
        ),
        settings("cilium", **{"routing-mode": "tunnel"}),
        settings("antrea", trafficEncapMode="encap"),
    ],
)
def test_an_overlay_that_was_asked_for_is_well(row: SettingsRow) -> None:
    assert not list(overlay_found(snapshot(row)))


def test_across_subnets_an_overlay_is_what_was_meant() -> None:
    assert not list(
        overlay_found(snapshot(DIRECT, view=host("flannel.1", "vxlan", "192.168.9.1/24")))
    )
    assert not list(overlay_found(snapshot(DIRECT, view=host("eth0", ""))))


def test_devices_of_cnis_are_known_by_name_too() -> None:
    for device in ("tunl0", "vxlan.calico", "cilium_vxlan", "genev_sys_6081"):
        assert only(
            list(overlay_found(snapshot(DIRECT, view=host(device, "")))), "overlay_fallback"
        )


def test_two_directions_that_differ() -> None:
    there = replace(host("eth0", ""), key="node/n2", node="n2")
    assert there.network is not None
    there = replace(
        there, network=replace(there.network, routes=(RouteRow("10.1.0.0/24", "eth0"),))
    )
    both = replace(snapshot(), targets=(host("flannel.1", "vxlan"), there))
    assert only(list(overlay_found(both)), "asymmetric_path").where == "n1 ↔ n2"


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


def test_iptables_at_thousands_of_services() -> None:
    mode = settings("kube-proxy", mode="iptables")
    assert not list(scale_found(snapshot(mode, services=services(400))))
    assert (
        only(list(scale_found(snapshot(mode, services=services(1_200)))), "service_scale").severity
        == "info"
    )
    view = counted(RuleCount("iptables-nft", 61_000, 6_000, 2.4))
    found = only(
        list(scale_found(snapshot(mode, services=services(6_000), view=view))),
        "service_scale",
    )
    assert found.severity == "warning"
    assert any("61,000 rules" in e.text and "2.4 s" in e.text for e in found.evidence)
    for other in ("nftables", "ipvs"):
        assert not list(
            scale_found(snapshot(settings("kube-proxy", mode=other), services=services(6_000)))
        )
    assert not list(scale_found(snapshot(services=services(6_000)))), (
        "nobody said how Services are made"
    )


def test_two_backends() -> None:
    both = counted(RuleCount("iptables-legacy", 40, 9, 0), RuleCount("iptables-nft", 50, 9, 0))
    assert only(list(scale_found(snapshot(view=both))), "mixed_backends").severity == "critical"
    one = counted(
        RuleCount("iptables-legacy", 0, 0, 0),
        RuleCount("iptables-nft", 50, 9, 0),
        RuleCount("nft", 80, 0, 0),
    )
    assert not list(scale_found(snapshot(view=one)))


def test_ipvs_on_an_old_kernel() -> None:
    view = replace(
        counted(RuleCount("ipvs", 30, 10, 0)), values={"sysctl net.ipv4.vs.conn_reuse_mode": 1}
    )
    assert only(list(scale_found(snapshot(view=view))), "ipvs_reuse").fix_kind == "sysctl"
    assert view.network is not None
    new = replace(view, network=replace(view.network, kernel="6.1.0"))
    assert not list(scale_found(snapshot(view=new)))


def test_cilium_does_not_do_what_it_was_asked() -> None:
    asked = settings(
        "cilium",
        **{
            "routing-mode": "native",
            "kube-proxy-replacement": "true",
            "enable-bpf-masquerade": "true",
        },
    )
    told = settings(
        "cilium status",
        Routing="Network: Tunnel [vxlan]   Host: BPF",
        KubeProxyReplacement="True   [eth0]",
        Masquerading="IPTables [IPv4: Enabled, IPv6: Disabled]",
    )
    found = list(cilium_found(snapshot(asked, told)))
    assert {f.where for f in found} == {"Cilium routing-mode", "Cilium enable-bpf-masquerade"}
    assert not list(cilium_found(snapshot(asked)))


def test_maps_of_cilium() -> None:
    told = settings(
        "cilium status",
        **{
            "map pressure ct4_global": "0.97",
            "map pressure snat_v4_external": "0.1",
            "map pressure x": "odd",
        },
    )
    found = only(list(cilium_found(snapshot(told))), "cilium_map")
    assert (found.severity, found.where) == ("critical", "Cilium ct4_global")


def test_they_are_among_the_rules() -> None:
    assert "overlay_fallback" in {f.rule for f in rules.findings(snapshot(DIRECT))}
