"""Refusals that are no failures: scanners, monitors of closed ports, the kubelet's probes; and what
looks alike and is one."""

from __future__ import annotations

from dataclasses import replace

from collectors.events import ContainerPort
from diagnosis.snapshot import Conversation
from tests.support.rules import finder
from tests.support.service_snapshots import path, seen_at, service_snapshot
from tests.support.snapshots import API, NEAR, NODE, OTHER, POD

evaluate = finder("refused", "unanswered", "dead_address")
REFUSED = Conversation("TCP", POD.ip, API.ip, 9999, flows=15, refused=15)  # one a second


def found(*talks: Conversation, **more: object) -> list[tuple[str, str]]:
    moment = service_snapshot(seen_at("n1", conversations=talks), **more)
    return [(finding.rule, finding.where) for finding in evaluate(moment)]


def test_a_monitor_of_a_closed_port_is_silent_and_a_client_of_a_service_is_not() -> None:
    assert found(REFUSED) == []
    assert found(replace(REFUSED, port=8080)) == [("refused", f"shop/{API.name}:8080")]
    assert found(replace(REFUSED, flows=40, refused=40)) == [("refused", f"shop/{API.name}:9999")]


def test_a_port_that_a_container_declares_or_a_node_translates_to_is_promised() -> None:
    declared = replace(API, ports=(ContainerPort("", 9999, "TCP"),))
    assert len(found(REFUSED, pods=(POD, declared, NEAR))) == 1
    view = seen_at("n1", path(API.ip, 9999), conversations=(REFUSED,))
    assert list(evaluate(service_snapshot(view)))
    assert list(evaluate(service_snapshot(seen_at("n1", conversations=(REFUSED,)), slices=())))


def test_a_rejection_on_the_path_is_said_whatever_the_port() -> None:
    rejected = replace(REFUSED, rejected=15, rejected_by="192.168.0.2", unreachable="ICMP …")
    assert len(found(rejected)) == 1


def test_a_scanner_is_silent_and_a_client_that_fails_at_some_of_its_servers_is_not() -> None:
    ports = [Conversation("TCP", POD.ip, API.ip, 20 + n, flows=3, refused=3) for n in range(4)]
    unused = [
        Conversation("TCP", POD.ip, f"10.2.0.{n}", 80, flows=4, unanswered=4) for n in (77, 78)
    ]
    assert found(*ports, *unused) == []
    assert [rule for rule, _ in found(*unused)] == ["dead_address", "dead_address"]
    in_vain = replace(REFUSED, port=8080)
    assert len(found(*ports, in_vain)) == 1
    assert len(found(*ports, *unused, replace(in_vain, client=NEAR.ip))) == 1


def test_the_kubelets_probe_of_a_pod_that_is_not_ready_is_silent() -> None:
    """Where the pod is ready, or somebody else asks, it is refused."""
    waiting = replace(API, ready="0/1")
    nodes = (replace(NODE, addresses=("192.168.0.1",)), replace(OTHER, addresses=("192.168.0.2",)))
    probe = replace(REFUSED, client="192.168.0.2", port=8080)
    assert found(probe, pods=(POD, waiting, NEAR), nodes=nodes) == []
    assert len(found(probe, nodes=nodes)) == 1
    other = replace(probe, client="192.168.0.1")
    assert len(found(other, pods=(POD, waiting, NEAR), nodes=nodes)) == 1


def test_a_node_port_is_promised_on_every_node() -> None:
    talk = Conversation("TCP", "203.0.113.9", "192.168.0.1", 30080, flows=9, refused=9)
    assert len(found(talk)) == 1 and found(replace(talk, port=31999)) == []


def test_of_what_is_outside_nothing_is_known() -> None:
    outside = replace(REFUSED, server="198.51.100.7", port=5432)
    assert found(outside) == [("refused", "198.51.100.7:5432")]
