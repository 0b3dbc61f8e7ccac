"""Pods that cannot reach themselves, and bridges that are no pods'."""

from __future__ import annotations

from dataclasses import replace

from collectors.events import LinkRow, NetworkState, ServiceRow
from collectors.findings import Finding
from diagnosis.snapshot import Conversation
from tests.support.snapshots import API, POD, found, node

BRIDGE = LinkRow("cni0", "bridge", 1450, "UP", ("10.1.0.1/24",))
PORT = LinkRow("veth1", "veth", 1450, "UP", master="cni0", hairpin=False)
SERVICE = ServiceRow("shop", "web", ("10.96.0.7",), ("80/TCP",), "ClusterIP", POD.labels)
ITSELF = Conversation("TCP", POD.ip, "10.96.0.7", 80, flows=9, unanswered=4)


def hairpin(*links: LinkRow, talk: Conversation | None = None) -> Finding | None:
    state = NetworkState(100.0, "node/n1", links)
    seen = (talk,) if talk else ()
    return found(node(network=state, conversations=seen), services=(SERVICE,)).get("hairpin")


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


def test_a_port_that_reflects_and_a_bridge_that_receives_everything() -> None:
    assert hairpin(BRIDGE, replace(PORT, hairpin=True), talk=ITSELF) is None
    assert hairpin(replace(BRIDGE, promiscuous=True), PORT, talk=ITSELF) is None


def test_bridges_of_containers_and_machines_beside_kubernetes() -> None:
    docker = replace(BRIDGE, name="docker0", addresses=("172.17.0.1/16",))
    assert hairpin(docker, replace(PORT, master="docker0")) is None


def test_a_cni_without_a_bridge() -> None:
    assert hairpin(replace(PORT, master="", hairpin=None), talk=ITSELF) is None
