"""externalTrafficPolicy Local: nodes that drop, and load balancers that keep them out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from collectors.events import Endpoint, ServicePort, ServiceRow, SliceRow
from collectors.findings import Finding
from diagnosis.snapshot import Conversation
from tests.support.snapshots import API, NODE, OTHER, found, node

SERVICE = ServiceRow(
    "shop",
    "api",
    ("10.96.0.7",),
    ("80/TCP",),
    "NodePort",
    API.labels,
    (ServicePort("", 80, "TCP", "8080", 30_080),),
    external_policy="Local",
)
END = Endpoint(API.ip, True, "n2")
SLICE = SliceRow("shop", "api-a", "api", (API.ip,), (), endpoints=(END,))
BALANCED = replace(SERVICE, type="LoadBalancer", balancer_ips=("198.51.100.7",))
LOST = Conversation("TCP", "203.0.113.9", NODE.address, 30_080, flows=9, unanswered=9)


def local(service: ServiceRow, *talks: Conversation, **rows: Any) -> Finding | None:
    known = {"services": (service,), "slices": (SLICE,), **rows}
    return found(node(conversations=talks), **known).get("external_local")


def test_a_node_port_of_which_one_node_has_no_endpoint() -> None:
    finding = local(SERVICE)
    assert finding is not None and finding.title.startswith("n1 drops outside traffic")
    assert "node ports 30080" in finding.evidence[-1].text


@pytest.mark.alike
def test_a_load_balancer_asks_health_checks_and_keeps_those_nodes_out() -> None:
    assert local(BALANCED) is None
    assert local(replace(BALANCED, balancer_ips=(), balancer_names=("lb.example",))) is None


def test_a_load_balancer_that_sends_to_such_a_node_all_the_same() -> None:
    finding = local(BALANCED, LOST)
    assert finding is not None and finding.title.startswith("n1 drops")
    assert local(BALANCED, replace(LOST, unanswered=0, answered=9)) is None
    assert local(BALANCED, replace(LOST, server=OTHER.address)) is None
    assert local(BALANCED, replace(LOST, server="198.51.100.7", port=80)) is not None


def both_open(*talks: Conversation, service: ServiceRow = SERVICE) -> Finding | None:
    """Both nodes are open; a balancer outside asks the one that has the endpoint."""
    here = tuple(talk for talk in talks if talk.server == NODE.address)
    there = tuple(talk for talk in talks if talk.server == OTHER.address)
    other = replace(node(conversations=there), key="node/n2", node="n2")
    known = {"services": (service,), "slices": (SLICE,)}
    return found(node(conversations=here), other, **known).get("external_local")


WELL = replace(LOST, server=OTHER.address, unanswered=0, answered=60, flows=60)


@pytest.mark.alike
def test_a_balancer_in_front_of_node_ports_keeps_nodes_out_by_its_own_checks() -> None:
    """Which such a node drops: they are few beside what the other node answers."""
    assert both_open(WELL) is None
    check = replace(LOST, flows=7, unanswered=7)
    assert both_open(WELL, check) is None
    assert both_open(WELL, check, service=BALANCED) is None


def test_clients_that_fail_at_a_node_port_whatever_others_do() -> None:
    assert both_open(WELL, replace(LOST, flows=13, unanswered=13)) is not None
    assert both_open(WELL, replace(LOST, client="203.0.113.77")) is not None
    assert both_open() is not None, "nobody is seen to use it"
    assert both_open(replace(WELL, client=API.ip)) is not None, "a pod uses it"
    assert local(SERVICE, LOST) is not None


def test_every_node_has_an_endpoint_or_may_send_to_others() -> None:
    both = replace(SLICE, endpoints=(END, Endpoint("10.1.0.6", True, "n1")))
    assert local(SERVICE, slices=(both,)) is None
    assert local(replace(SERVICE, external_policy="Cluster")) is None
    assert local(replace(SERVICE, type="ClusterIP")) is None


def test_a_node_that_is_not_ready_is_another_matter() -> None:
    assert local(SERVICE, nodes=(replace(NODE, ready=False), OTHER)) is None


def test_no_endpoint_at_all_is_another_finding() -> None:
    assert local(SERVICE, slices=(replace(SLICE, endpoints=()),)) is None


def test_what_a_pod_or_a_node_asks_goes_to_any_endpoint() -> None:
    """That it gets no answer has another cause."""
    for client in (API.ip, OTHER.address):
        assert local(BALANCED, replace(LOST, client=client)) is None


def test_nodes_that_are_no_machines() -> None:
    for label in (("eks.amazonaws.com/compute-type", "fargate"), ("type", "virtual-kubelet")):
        assert local(SERVICE, nodes=(replace(NODE, labels=(label,)), OTHER)) is None
    assert local(SERVICE, nodes=(replace(NODE, labels=(("type", "spot"),)), OTHER)) is not None


@pytest.mark.alike
def test_an_endpoint_that_ends_and_answers_still() -> None:
    """A rollout: kube-proxy uses it where the node has no other."""
    ending = Endpoint("10.1.0.6", False, "n1", serving=True, terminating=True)
    assert local(SERVICE, slices=(replace(SLICE, endpoints=(END, ending)),)) is None
    gone = ending._replace(serving=False)
    assert local(SERVICE, slices=(replace(SLICE, endpoints=(END, gone)),)) is not None
