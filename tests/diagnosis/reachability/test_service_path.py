"""The path by a node's port and by a load balancer's address: who translates, and from which
address it seems to come."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from collectors.events import (
    ContainerPort,
    NodeRow,
    PodRow,
    PolicyRow,
    ServicePort,
    ServiceRow,
    SettingsRow,
)
from diagnosis.reachability import path
from diagnosis.reachability.cluster_state import ClusterState
from diagnosis.reachability.deliveries import PathVerdict
from tests.diagnosis.reachability.test_network_policy import pod
from tests.support.reachability import row_of

NODES = tuple(NodeRow(f"n{n}", f"192.168.0.{n}", "", True, "linux", "amd64") for n in (1, 2))
CLIENT = pod("shop/client", "10.0.1.1", node="n1", app="client")
WEB = replace(
    pod("shop/web", "10.0.2.1", node="n2", app="web"),
    ports=(ContainerPort("http", 8080, "TCP"),),
    ready="1/1",
)
SERVICE = ServiceRow(
    "shop",
    "web",
    ("10.96.0.1",),
    ("80/TCP",),
    "LoadBalancer",
    (("app", "web"),),
    (ServicePort("", 80, "TCP", "http", 30080),),
    outer_ips=("198.51.100.1",),
)
ONLY_NODE_2 = {
    "podSelector": {"matchLabels": {"app": "web"}},
    "ingress": [{"from": [{"ipBlock": {"cidr": "192.168.0.2/32"}}]}],
}
ONLY_PODS = {
    "podSelector": {"matchLabels": {"app": "web"}},
    "ingress": [{"from": [{"podSelector": {}}]}],
}
NO_NODES = {
    "podSelector": {"matchLabels": {"app": "client"}},
    "policyTypes": ["Egress"],
    "egress": [{"to": [{"podSelector": {}}]}],
}


# Calico beside kube-proxy, whose pools do not masquerade what pods send to nodes
NOT_MASQUERADED = (
    SettingsRow("calico ippools", "test", (("pool.natOutgoing", "false"),)),
    SettingsRow("kube-proxy", "test", (("mode", "iptables"),)),
)


def ask(
    source: PodRow | str,
    address: str,
    *specs: object,
    port: str = "30080",
    service: ServiceRow = SERVICE,
) -> PathVerdict:
    policies = [PolicyRow("shop", f"p{n}", json.dumps(spec)) for n, spec in enumerate(specs)]
    cluster = cluster_of(policies, service, settings=NOT_MASQUERADED)
    return path.ask(cluster, source, row_of(cluster, address), port=port, protocol="TCP")


def cluster_of(
    policies: list[PolicyRow],
    service: ServiceRow = SERVICE,
    nodes: tuple[NodeRow, ...] = NODES,
    settings: tuple[SettingsRow, ...] = (),
) -> ClusterState:
    rows: dict[str, Any] = {
        "networking": settings,
        "pods": (CLIENT, WEB),
        "services": (service,),
        "networkpolicies": policies,
        "nodes": nodes,
    }
    return ClusterState.of(rows)


@pytest.mark.parametrize(
    ("case", "source", "address", "specs", "allowed"),
    [
        ("no policy", CLIENT, "192.168.0.1", (), True),
        (
            "its own node translates and masquerades: the node is seen",
            CLIENT,
            "192.168.0.1",
            (ONLY_PODS,),
            False,
        ),
        (
            "another node translates: that node is seen, which reaches its own pods",
            CLIENT,
            "192.168.0.2",
            (ONLY_PODS,),
            True,
        ),
        (
            "from outside by the other node: that is not the pod's own",
            "203.0.113.1",
            "192.168.0.1",
            (ONLY_PODS,),
            False,
        ),
        (
            "the path to another node is the node's address",
            CLIENT,
            "192.168.0.2",
            (NO_NODES,),
            False,
        ),
        ("the path over the own node is the pod's", CLIENT, "192.168.0.1", (NO_NODES,), True),
    ],
)
def test_by_a_node_port(
    case: str, source: PodRow | str, address: str, specs: tuple[object, ...], allowed: bool
) -> None:
    answer = ask(source, address, *specs)
    assert answer.allowed is allowed, (case, answer.path)
    assert answer.path[0].reason == "Service shop/web:80/TCP"


def test_a_pods_network_may_masquerade_it() -> None:
    """As it leaves for another node's address: policies there see the pod or its node."""
    rules = [PolicyRow("shop", "p", json.dumps(ONLY_PODS))]
    answer = path.ask(cluster_of(rules), CLIENT, "192.168.0.2", port="30080", protocol="TCP")
    assert answer.verdict == "unknown" and "natOutgoing" in answer.unknown_because[0]


def test_local_only_where_an_endpoint_runs() -> None:
    local = replace(SERVICE, external_policy="Local")
    dropped = ask("203.0.113.1", "192.168.0.1", service=local)
    assert not dropped.allowed and "which drops it" in dropped.path[-1].reason
    assert ask("203.0.113.1", "192.168.0.2", service=local).allowed
    assert not ask("203.0.113.1", "192.168.0.2", ONLY_NODE_2, service=local).allowed, (
        "the source is kept"
    )
    assert ask(CLIENT, "192.168.0.1", service=local).allowed, (
        "a pod by its own node is not from outside"
    )


def test_a_node_is_called_otherwise_over_an_overlay() -> None:
    """Seen with real packets: masqueraded on its path to another node's pod it has the tunnel's
    address."""
    spec = {
        "podSelector": {"matchLabels": {"app": "web"}},
        "ingress": [{"from": [{"ipBlock": {"cidr": "192.168.0.0/24"}}]}],
    }
    policies = [PolicyRow("shop", "nodes", json.dumps(spec))]
    nodes = tuple(replace(node, pod_cidrs=(f"10.0.{n}.0/24",)) for n, node in enumerate(NODES, 1))
    cluster = cluster_of(policies, nodes=nodes)
    answer = path.ask(cluster, "203.0.113.1", "192.168.0.1", port="30080", protocol="TCP")
    assert (answer.verdict, answer.partly) == ("unknown", False), "is there an overlay?"
    assert "tunnel" in next(step.reason for step in answer.path if step.result == "unknown")
    own = path.ask(cluster, "203.0.113.1", "192.168.0.2", port="30080", protocol="TCP")
    assert own.verdict == "unknown" and "depends on the network plugin" in own.unknown_because[0]


def test_what_is_no_node_port_is_the_node_itself() -> None:
    answer = ask(CLIENT, "192.168.0.1", NO_NODES, port="10250")
    assert not answer.allowed and answer.path[0].what == "egress to node/n1:10250/TCP"


def test_the_address_of_a_load_balancer() -> None:
    answer = ask("203.0.113.1", "198.51.100.1", port="80")
    assert answer.allowed and answer.path[0].what == "Service shop/web:80/TCP"
