"""A forwarding entry that is missing, and nodes that need none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collectors.events import NodeRow, RouteRow
from collectors.findings import Finding
from diagnosis.snapshot import TargetView
from tests.diagnosis.rules.test_stale_vtep import AGENT, HERE, ONE, THERE, TWO, near, snapshot, view
from tests.support.rules import finder
from tests.support.snapshots import API, POD

evaluate = finder("missing_fdb")
NEIGHBOUR, ENTRY = near(THERE)
WITHOUT = view("n1", 1, HERE, NEIGHBOUR)


def changed(links: dict[str, object] | None = None, *routes: RouteRow) -> TargetView:
    assert WITHOUT.network is not None
    eth, vxlan = WITHOUT.network.links
    network = replace(WITHOUT.network, links=(eth, replace(vxlan, **(links or {}))))  # type: ignore[arg-type]
    return replace(WITHOUT, network=replace(network, routes=routes or network.routes))


def missing(one: TargetView) -> list[Finding]:
    return evaluate(snapshot(one))


def test_an_entry_is_missing() -> None:
    (finding,) = missing(WITHOUT)
    assert "flannel.1 of n1 has no forwarding entry for n2" in finding.title
    assert not missing(view("n1", 1, HERE, NEIGHBOUR, ENTRY))


@pytest.mark.alike
def test_a_device_that_learns_or_has_one_other_end() -> None:
    assert not missing(changed({"detail": "id 1 group 239.1.1.1"}))
    assert not missing(changed({"detail": "id 1 remote 192.168.0.2"}))


def test_a_device_that_no_route_uses() -> None:
    assert not missing(changed({}, RouteRow("10.2.0.0/24", "eth0", "192.168.0.2")))


@pytest.mark.alike
def test_a_node_of_the_same_network_is_reached_without_the_tunnel() -> None:
    direct = RouteRow("10.2.0.0/24", "eth0", "192.168.0.2")
    far = RouteRow("10.3.0.0/24", "flannel.1", "10.3.0.0")
    assert not missing(changed({}, direct, far))
    assert missing(changed({}, far))


def test_a_node_that_is_not_ready_yet() -> None:
    """It joined, and its CNI has not started."""
    known = snapshot(WITHOUT)
    assert not evaluate(replace(known, nodes=(ONE, replace(TWO, ready=False))))


def test_another_kind_of_tunnel() -> None:
    assert not missing(changed({"kind": "ipip"}))


def test_a_node_that_stands_for_a_cloud_s_machines() -> None:
    """No agent of the CNI runs there, and no pod of the cluster's ranges."""
    virtual = NodeRow("virtual", "192.168.0.77", "", True, "linux", "amd64")
    agents = [replace(AGENT, name=f"flannel-{n}", uid=n, node=n) for n in ("n1", "n2")]
    whole = snapshot(view("n1", 1, HERE, NEIGHBOUR, ENTRY), pods=(POD, API, *agents))
    nodes = (ONE, TWO, virtual)
    assert not evaluate(replace(whole, nodes=nodes))
    there = replace(API, name="api-9", uid="u9", node="virtual", ip="10.2.0.99")
    (finding,) = evaluate(replace(whole, nodes=nodes, pods=(*whole.pods, there)))
    assert finding.where == "n1 → virtual"
    assert evaluate(replace(whole, nodes=nodes, pods=(POD, API)))  # k3s: its agent is not a pod
