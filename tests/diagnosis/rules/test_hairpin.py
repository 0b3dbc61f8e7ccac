"""Pods that cannot reach themselves, and bridges that are no pods'."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from collectors.events import LinkRow, NetworkState, ServiceRow
from collectors.findings import Finding
from diagnosis.paths import PathRow
from diagnosis.snapshot import Conversation
from tests.support.snapshots import API, NEAR, POD, found, node

BRIDGE = LinkRow("cni0", "bridge", 1450, "UP", ("10.1.0.1/24",))
PORT = LinkRow("veth1", "veth", 1450, "UP", master="cni0", hairpin=False)
SERVICE = ServiceRow("shop", "web", ("10.96.0.7",), ("80/TCP",), "ClusterIP", POD.labels)
ITSELF = Conversation("TCP", POD.ip, "10.96.0.7", 80, flows=9, unanswered=4)


def hairpin(*links: LinkRow, talk: Conversation | None = None, **more: Any) -> Finding | None:
    state = NetworkState(100.0, "node/n1", links)
    seen = (talk,) if talk else ()
    view = node(network=state, conversations=seen, **more)
    return found(view, services=(SERVICE,)).get("hairpin")


def path(endpoint: str, **counts: Any) -> PathRow:
    return PathRow("TCP", POD.ip, "10.96.0.7", 80, endpoint, 80, POD.ip, connections=9, **counts)


def test_a_pod_whose_own_service_does_not_answer_it() -> None:
    finding = hairpin(BRIDGE, PORT, talk=ITSELF)
    assert finding is not None
    assert (finding.severity, finding.confidence) == ("warning", "certain")
    assert "shop/web-1" in finding.evidence[1].text


def test_the_mode_alone_harms_nobody_yet() -> None:
    finding = hairpin(BRIDGE, PORT)
    assert finding is not None and finding.severity == "info"
    other = hairpin(BRIDGE, PORT, talk=replace(ITSELF, client=API.ip))
    assert other is not None and other.severity == "info"


@pytest.mark.alike
def test_a_port_that_reflects_and_a_bridge_that_receives_everything() -> None:
    assert hairpin(BRIDGE, replace(PORT, hairpin=True), talk=ITSELF) is None
    assert hairpin(replace(BRIDGE, promiscuous=True), PORT, talk=ITSELF) is None


def test_bridges_of_containers_and_machines_beside_kubernetes() -> None:
    docker = replace(BRIDGE, name="docker0", addresses=("172.17.0.1/16",))
    assert hairpin(docker, replace(PORT, master="docker0")) is None


def test_a_cni_without_a_bridge() -> None:
    assert hairpin(replace(PORT, master="", hairpin=None), talk=ITSELF) is None


def test_another_endpoint_of_its_service_is_what_does_not_answer() -> None:
    """Of two endpoints the other is dead; the pod itself may be answered or not be asked."""
    for rows in (
        (path(POD.ip, completed=9), path("10.2.0.9", unanswered=4)),
        (path("10.2.0.9", unanswered=4),),
        (path(POD.ip, completed=9), path("", unanswered=4)),
    ):
        finding = hairpin(BRIDGE, PORT, talk=ITSELF, paths=rows)
        assert finding is not None and finding.severity == "info", rows
    finding = hairpin(BRIDGE, PORT, talk=ITSELF, paths=(path(POD.ip, unanswered=4),))
    assert finding is not None and finding.severity == "warning"


def test_a_pod_of_another_node_says_nothing_of_this_bridge() -> None:
    service = replace(SERVICE, selector=API.labels)
    state = NetworkState(100.0, "node/n1", (BRIDGE, PORT))
    view = node(network=state, conversations=(replace(ITSELF, client=API.ip),))
    assert found(view, services=(service,))["hairpin"].severity == "info"
    near = node(network=state, conversations=(replace(ITSELF, client=NEAR.ip),))
    assert found(near, services=(service,))["hairpin"].severity == "warning"
