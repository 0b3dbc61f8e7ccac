"""Where a Service sends, read from manifests as a user has them: slices of several ports,
endpoints that are no pods, pods on the host's network, sidecars, pods that have ended."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from collectors.events import PodRow, ServiceRow
from diagnosis.reachability.cluster_state import ClusterState
from diagnosis.reachability.deliveries import PathVerdict
from diagnosis.reachability.path import ask
from tests.support.reachability import cluster_of_text, row_of

BASE = """
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {nodeName: n1, containers: [{name: c, image: i}]}
status: {phase: Running, podIP: 10.244.1.5, podIPs: [{ip: 10.244.1.5}]}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {clusterIP: 10.96.0.9, clusterIPs: [10.96.0.9], ports: [{name: pg, port: 5432, targetPort: pg}]}
---
"""


def policy(name: str, spec: str) -> str:
    return f"""
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: {name}, namespace: shop}}
spec: {spec}
---
"""


def slice_of(number: int, endpoints: str, name: str = "db-1") -> str:
    return f"""
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: {name}, namespace: shop, labels: {{kubernetes.io/service-name: db}}}}
addressType: IPv4
ports: [{{name: pg, port: {number}, protocol: TCP}}]
endpoints: {endpoints}
---
"""


def database(name: str, address: str, more: str = "") -> str:
    return f"""
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: shop, labels: {{app: {name}}}}}
spec: {{nodeName: n2, containers: [{{name: c, image: i}}]{more}}}
status: {{phase: Running, podIP: {address}, podIPs: [{{ip: {address}}}]}}
---
"""


def cluster(folder: Path, *texts: str) -> ClusterState:
    return cluster_of_text(folder, BASE + "".join(texts))


def asked(folder: Path, *texts: str, target: str = "db", port: str = "5432") -> PathVerdict:
    known = cluster(folder, *texts)
    source = row_of(known, "shop/web")
    assert isinstance(source, PodRow)
    return ask(known, source, row_of(known, target, "shop"), port=port, protocol="TCP")


def egress_to(cidr: str, port: int = 5432) -> str:
    return policy(
        "out",
        f"{{podSelector: {{}}, policyTypes: [Egress], egress: [{{to: [{{ipBlock: {{cidr: {cidr}}}}}], "
        f"ports: [{{port: {port}}}]}}]}}",
    )


OUTSIDE = "[{addresses: [192.0.2.10]}]"
ENDPOINTS = """
apiVersion: v1
kind: Endpoints
metadata: {name: db, namespace: shop}
subsets: [{addresses: [{ip: 192.0.2.10}], notReadyAddresses: [{ip: 192.0.2.11}], ports: [{name: pg, port: 5432}]}]
---
"""


@pytest.mark.parametrize(
    "listed", [slice_of(5432, OUTSIDE), ENDPOINTS], ids=["EndpointSlice", "Endpoints"]
)
def test_endpoints_that_are_no_pods_are_addresses(tmp_path: Path, listed: str) -> None:
    assert asked(tmp_path, listed).allowed
    assert asked(tmp_path, listed, egress_to("192.0.2.10/32")).allowed
    denied = asked(tmp_path, listed, egress_to("192.0.2.11/32"))
    assert (
        not denied.allowed
        and denied.decided_by is not None
        and denied.decided_by.policy == "shop/out"
    )
    assert any("192.0.2.10:5432" in step.what for step in denied.path)


def test_each_slice_has_its_own_number(tmp_path: Path) -> None:
    """A named targetPort may be another number at another pod."""
    pods = database("old", "10.244.2.1") + database("new", "10.244.2.2")
    slices = slice_of(5432, "[{addresses: [10.244.2.1]}]") + slice_of(
        6432, "[{addresses: [10.244.2.2]}]", "db-2"
    )
    only = policy("in", "{podSelector: {}, ingress: [{ports: [{port: 6432}]}]}")
    assert asked(tmp_path, pods, slices).allowed
    answer = asked(tmp_path, pods, slices, only)
    assert not answer.allowed and answer.partly
    results = {step.what: step.result for step in answer.path if step.what.startswith("ingress")}
    assert results == {
        "ingress at shop/old:5432/TCP": "stops",
        "ingress at shop/new:6432/TCP": "ok",
    }


def test_a_pod_on_the_hosts_network_is_known_by_its_reference(tmp_path: Path) -> None:
    """Many have the node's address; which one is meant only the slice says."""
    pods = database("other", "10.0.0.2", ", hostNetwork: true") + database(
        "db", "10.0.0.2", ", hostNetwork: true"
    )
    listed = slice_of(
        5432, "[{addresses: [10.0.0.2], targetRef: {kind: Pod, name: db, namespace: shop}}]"
    )
    assert any("shop/db:5432" in step.what for step in asked(tmp_path, pods, listed).path)


def test_a_sidecar_names_ports_as_well(tmp_path: Path) -> None:
    sidecar = (
        ", initContainers: [{name: p, image: i, restartPolicy: Always, ports: [{name: pg, containerPort: 7000}]}, "
        "{name: once, image: i, ports: [{name: gone, containerPort: 7001}]}]"
    )
    text = database("db", "10.244.2.1", sidecar)
    named = policy(
        "in", "{podSelector: {matchLabels: {app: db}}, ingress: [{ports: [{port: pg}]}]}"
    )
    assert asked(tmp_path, text, named, target="shop/db", port="7000").allowed is True
    assert asked(tmp_path, text, named, target="pod/shop/db", port="pg").allowed
    assert not asked(tmp_path, text, named, target="pod/shop/db", port="gone").allowed


def test_a_selector_that_is_null_is_missing(tmp_path: Path) -> None:
    """As the API server reads it; `{}` is another thing."""
    other = (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: far, namespace: other, labels: {app: web}}\n"
        "spec: {containers: [{name: c, image: i}]}\n---\n"
    )
    text = database("db", "10.244.2.1") + other
    for written, allowed in (("null", False), ("{}", True)):
        peer = f"{{podSelector: {{matchLabels: {{app: web}}}}, namespaceSelector: {written}}}"
        known = cluster(
            tmp_path,
            text,
            policy(
                "in",
                f"{{podSelector: {{matchLabels: {{app: db}}}}, ingress: [{{from: [{peer}]}}]}}",
            ),
        )
        far, web, db = (
            row_of(known, "other/far"),
            row_of(known, "shop/web"),
            row_of(known, "pod/shop/db"),
        )
        assert isinstance(far, PodRow) and isinstance(web, PodRow)
        assert ask(known, far, db, port="5432", protocol="TCP").allowed is allowed
        assert ask(known, web, db, port="5432", protocol="TCP").allowed


def test_a_pod_that_has_ended_has_no_address(tmp_path: Path) -> None:
    """A Job's pod keeps status.podIP, and another pod may have it by now."""
    ended = database("job", "10.244.2.1").replace("phase: Running", "phase: Succeeded")
    known = cluster(tmp_path, ended, database("db", "10.244.2.1"))
    found = row_of(known, "10.244.2.1")
    assert isinstance(found, PodRow) and found.name == "db"
    answer = asked(tmp_path, ended, target="shop/job")
    assert not answer.allowed and answer.path[0].reason == "it has ended: Succeeded"


def test_from_outside_by_a_node_the_address_is_anothers(tmp_path: Path) -> None:
    known = cluster(
        tmp_path, slice_of(5432, "[{addresses: [10.244.2.1]}]"), database("db", "10.244.2.1")
    )
    service = known.services[0]

    def from_outside(kind: str) -> PathVerdict:
        return ask(known, "198.51.100.7", replace(service, type=kind), port="5432", protocol="TCP")

    answer = from_outside("NodePort")
    assert answer.allowed and any("masquerades" in step.reason for step in answer.path)
    assert "not routed" in from_outside("ClusterIP").unknown_because[0]


def test_of_two_things_of_one_name_the_port_says_which(tmp_path: Path) -> None:
    """A Deployment and its Service are often called the same."""
    deployment = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: db, namespace: shop}
spec: {selector: {matchLabels: {app: db}}, template: {metadata: {labels: {app: db}}, spec: {containers: [{name: c, image: i, ports: [{containerPort: 6432}]}]}}}
---
"""
    known = cluster(tmp_path, deployment)
    for port, kind in (
        ("5432", ServiceRow),
        ("pg", ServiceRow),
        ("6432", PodRow),
        ("80", PodRow),
        ("", PodRow),
    ):
        assert isinstance(row_of(known, "shop/db", port=port), kind), port
