"""Which pods and nodes a check attaches to, and what it says of the others."""

from __future__ import annotations

import argparse
from dataclasses import replace

import pytest

from cli.check_targets import MOST_PODS, OWN_LABEL, selection
from collectors.errors import ConfigError
from collectors.events import InventoryList, NamespaceRow, NodeRow, PodRow, ServiceRow, SessionStart
from session.store import Store
from tests.support.snapshots import API, NODE, OTHER, POD

BROKEN = replace(API, namespace="bank", name="ledger-1", workload="Deployment/ledger", ready="0/1")
OWN = replace(POD, name="podwire-node-1", workload="", labels=(OWN_LABEL,))


def store(*pods: PodRow, nodes: tuple[NodeRow, ...] = (NODE, OTHER)) -> Store:
    known = Store()
    known.apply(SessionStart(1.0, "", "prod", "alice", "shop", "v1.36"))
    known.apply(InventoryList(1.0, "", "pods", pods))
    known.apply(InventoryList(1.0, "", "nodes", nodes))
    names = tuple(map(NamespaceRow, ("bank", "shop", "empty")))
    known.apply(InventoryList(1.0, "", "namespaces", names))
    return known


def options(target: str = "", all_namespaces: bool = False) -> argparse.Namespace:
    return argparse.Namespace(target=target, all_namespaces=all_namespaces)


def test_all_namespaces_are_pods_of_all_and_those_in_trouble_first() -> None:
    twin = replace(POD, name="web-2")
    found = selection(options(all_namespaces=True), store(POD, twin, OWN, API, BROKEN))
    assert [pod.name for pod in found.pods] == ["ledger-1", "api-1", "web-1"]
    assert {node.name for node in found.nodes} == {"n1", "n2"}
    assert (found.all_pods, found.all_nodes, found.notes, found.namespace) == (4, 2, [], "")


def test_of_more_than_twelve_each_workload_has_one_before_any_has_two() -> None:
    """The cluster's own are last; what is passed over is said."""
    nodes = tuple(replace(NODE, name=f"n{number}") for number in range(12))
    of_all = [replace(POD, name=f"agent-{n.name}", node=n.name, workload="a") for n in nodes]
    system = replace(POD, namespace="kube-system", name="dns", workload="Deployment/dns")
    found = selection(options(all_namespaces=True), store(*of_all, system, API, nodes=nodes))
    names = [pod.name for pod in found.pods]
    assert len(names) == MOST_PODS and names[:3] == ["agent-n0", "api-1", "dns"]
    assert found.notes == ["12 of 14 pods were chosen: name one as NAMESPACE/POD"]


def test_a_pod_by_its_name_and_the_namespace_that_is_asked_for() -> None:
    known = store(POD, API, BROKEN)
    for target in ("shop/web-1", "pod/web-1", "web-1", "pod/shop/web-1"):
        found = selection(options(target), known)
        assert [pod.name for pod in found.pods] == ["web-1"] and found.namespace == "shop"
        assert [node.name for node in found.nodes] == ["n1"]


def test_of_a_service_without_pods_its_objects_are_looked_at() -> None:
    known = store(POD)
    none = ServiceRow("bank", "empty", (), ("80/TCP",), "ClusterIP", (("app", "none"),))
    known.apply(InventoryList(1.0, "", "services", (none,)))
    found = selection(options("bank/svc/empty"), known)
    assert (found.pods, found.nodes, found.namespace) == ([], [], "bank")


def test_of_a_workload_the_pods_that_have_a_network() -> None:
    loops = replace(API, name="api-2", phase="CrashLoopBackOff", ready="0/1")
    waits = replace(API, name="api-3", phase="Pending", node="", ip="")
    found = selection(options(f"{API.namespace}/api"), store(API, loops, waits))
    assert [pod.name for pod in found.pods] == ["api-2"] and found.all_pods == 2


def test_a_namespace_is_asked_for_with_its_nodes_alone() -> None:
    found = selection(options("ns/bank"), store(POD, API, BROKEN))
    assert [pod.name for pod in found.pods] == ["ledger-1"] and found.namespace == "bank"
    assert [node.name for node in found.nodes] == ["n2"]
    assert not selection(options("ns/empty"), store(POD)).pods


@pytest.mark.parametrize("target", ["ns/nowhere", "ledger-1", "pod/x", "node/n9", "svc/api"])
def test_what_is_not_there_is_a_sentence(target: str) -> None:
    with pytest.raises(ConfigError, match="There is no "):
        selection(options(target), store(POD, API, BROKEN))
