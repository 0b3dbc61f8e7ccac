"""A route to another node's pods that is missing, and networks that need none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from collectors.events import LinkRow, NodeRow, RouteRow
from collectors.findings import Finding
from tests.support.snapshots import API, ETH, NEAR, NODE, OTHER, POD, ROUTES, SETUP, found, node

WITHOUT = replace(SETUP, routes=ROUTES[:1])


def missing(network: object, **rows: Any) -> Finding | None:
    return found(node(network=network), **rows).get("missing_route")


def test_the_overlay_is_there_and_the_route_is_not() -> None:
    finding = missing(WITHOUT)
    assert finding is not None and "no route to the pods of n2 (10.2.0.0/24)" in finding.title


def test_a_route_to_a_part_or_to_more() -> None:
    assert missing(SETUP) is None
    for cidr in ("10.0.0.0/8", "10.2.0.0/26"):
        route = RouteRow(cidr, "flannel.1", "10.2.0.0")
        assert missing(replace(SETUP, routes=(*ROUTES[:1], route))) is None


@pytest.mark.alike
def test_the_cloud_routes_and_the_node_has_a_vpn_of_its_own() -> None:
    vpn = LinkRow("wg0", "wireguard", 1420, "UNKNOWN", ("172.30.0.1/24",))
    routes = (*ROUTES[:1], RouteRow("172.30.0.0/24", "wg0"))
    assert missing(replace(SETUP, links=(ETH, vpn), routes=routes)) is None


def test_a_tunnel_of_a_module_that_was_loaded_and_is_down() -> None:
    tunnel = LinkRow("tunl0", "ipip", 1480, "DOWN", ("10.1.0.1/32",))
    assert missing(replace(WITHOUT, links=(ETH, tunnel))) is None


def test_a_cni_that_has_addresses_of_its_own() -> None:
    """Calico's IPAM: the node's CIDR is given to it and used by nobody."""
    pods = (POD, NEAR, replace(API, ip="192.168.33.5"))
    assert missing(WITHOUT, pods=pods) is None
    assert missing(WITHOUT, pods=(POD, NEAR)) is not None


def test_a_range_of_a_family_that_no_pod_there_has() -> None:
    """The API server gives nodes two ranges, the CNI uses one."""
    two = replace(OTHER, pod_cidrs=(*OTHER.pod_cidrs, "fd00:2::/64"))
    nodes = (NODE, two)
    assert missing(SETUP, nodes=nodes) is None
    both = replace(API, ips=(API.ip, "fd00:2::5"))
    assert missing(SETUP, nodes=nodes, pods=(POD, NEAR, both)) is not None


def test_a_node_without_the_cni_s_agent() -> None:
    virtual = NodeRow(
        "virtual", "192.168.0.77", "", True, "linux", "amd64", pod_cidrs=("10.9.0.0/24",)
    )
    agent = replace(POD, name="flannel-1", host_network=True, workload="DaemonSet/kube-flannel-ds")
    assert missing(SETUP, nodes=(NODE, virtual), pods=(POD, agent)) is None
    assert missing(SETUP, nodes=(NODE, virtual), pods=(POD,)) is not None
