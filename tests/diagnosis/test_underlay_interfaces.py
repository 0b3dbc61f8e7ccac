"""The interface below a tunnel, of nodes with two networks."""

from __future__ import annotations

from dataclasses import replace

from collectors.events import LinkRow, RouteRow
from diagnosis.snapshot import Snapshot
from diagnosis.underlay_interfaces import underlay_interface
from tests.support.snapshots import ETH, NODE, OTHER, OVERLAY, ROUTES, SETUP, node

SECOND = LinkRow("eth1", "", 9000, "UP", ("10.99.0.1/24",))


def below(tunnel: LinkRow, *routes: RouteRow) -> str:
    state = replace(SETUP, links=(ETH, SECOND, tunnel), routes=(*ROUTES, *routes))
    found = underlay_interface(Snapshot(100.0, nodes=(NODE, OTHER)), node(network=state), tunnel)
    return found.name if found else ""


def test_the_interface_that_has_the_tunnel_s_own_address() -> None:
    assert below(OVERLAY) == "eth0"
    assert below(replace(OVERLAY, detail="id 1 local 10.99.0.1 port 8472")) == "eth1"


def test_the_route_to_another_node() -> None:
    tunnel = LinkRow("tunl0", "ipip", 8980, "UNKNOWN", ("10.1.0.9/32",))
    assert below(tunnel) == "eth0"  # by the default route
    assert below(tunnel, RouteRow("192.168.0.0/24", "eth1")) == "eth1"
    over_itself = RouteRow("192.168.0.2/32", "flannel.1")
    assert below(tunnel, over_itself) == "eth0"
