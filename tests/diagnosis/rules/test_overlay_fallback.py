"""An overlay where native routing was meant."""

from __future__ import annotations

import pytest

from collectors.events import (
    SettingsRow,
)
from diagnosis import rules
from diagnosis.rules import overlay_fallback
from tests.support.network_snapshots import (
    DIRECT,
    host,
    network_snapshot,
    only,
    settings,
)
from tests.support.rules import finder

evaluate = finder("overlay_fallback")


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
    found = only(list(evaluate(network_snapshot(row))), "overlay_fallback")
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
@pytest.mark.alike
def test_an_overlay_that_was_asked_for_is_well(row: SettingsRow) -> None:
    assert not list(evaluate(network_snapshot(row)))


@pytest.mark.alike
def test_across_subnets_an_overlay_is_what_was_meant() -> None:
    assert not list(
        evaluate(network_snapshot(DIRECT, view=host("flannel.1", "vxlan", "192.168.9.1/24")))
    )
    assert not list(evaluate(network_snapshot(DIRECT, view=host("eth0", ""))))


def test_devices_of_cnis_are_known_by_name_too() -> None:
    for device in ("tunl0", "vxlan.calico", "cilium_vxlan", "genev_sys_6081"):
        assert only(
            list(evaluate(network_snapshot(DIRECT, view=host(device, "")))), "overlay_fallback"
        )


def test_it_is_among_the_rules() -> None:
    assert "overlay_fallback" in {f.rule for f in rules.findings(network_snapshot(DIRECT))}


def test_encryption_is_asked_for_beside_the_routing() -> None:
    never = settings("calico ippools", **{"p.cidr": "10.0.0.0/8", "p.vxlanMode": "Never"})
    for device, kind, is_said in (
        ("wireguard.cali", "wireguard", False),
        ("vxlan.calico", "vxlan", True),
    ):
        rows = network_snapshot(never, view=host(device, kind))
        assert bool(list(overlay_fallback.evaluate(rows))) is is_said
