"""What people type for the ends and the port: understood, or refused with the form that would
be."""

from __future__ import annotations

from pathlib import Path

import pytest

from collectors.events import PodRow, ServiceRow
from diagnosis.reachability.cluster_state import ClusterState
from diagnosis.reachability.end_names import EndFinder, Unknown, asked_port
from tests.support.reachability import ask, cluster_of_text

OBJECTS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: i}]}}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop}
spec: {serviceName: db, selector: {matchLabels: {app: db}}, template: {metadata: {labels: {app: db}}, spec: {containers: [{name: c, image: i, ports: [{name: pg, containerPort: 5432}]}]}}}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {clusterIP: 10.96.0.9, selector: {app: db}, ports: [{port: 5432, targetPort: pg}]}
---
apiVersion: v1
kind: Pod
metadata: {name: one, namespace: shop, labels: {app: one}}
spec: {containers: [{name: c, image: i}]}
status: {phase: Running, podIP: "fd00::5", podIPs: [{ip: "fd00::5"}]}
"""


@pytest.fixture
def cluster(tmp_path: Path) -> ClusterState:
    return cluster_of_text(tmp_path, OBJECTS)


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("deploy/web", PodRow, "web"),
        ("deployment/web", PodRow, "web"),
        ("sts/db", PodRow, "db"),
        ("svc/db", ServiceRow, "db"),
        ("pod/one", PodRow, "one"),
        ("shop/deploy/web", PodRow, "web"),
        ("deploy/shop/web", PodRow, "web"),
        ("svc/shop/db", ServiceRow, "db"),
        ("shop/web", PodRow, "web"),
        ("web", PodRow, "web"),
        ("db.shop", ServiceRow, "db"),
        ("db.shop.svc.cluster.local", ServiceRow, "db"),
        ("db.shop.svc.cluster.local.", ServiceRow, "db"),
        ("[fd00::5]", PodRow, "one"),
        ("fd00::5", PodRow, "one"),
        ("fd00:0:0::5", PodRow, "one"),
        ("fd00::5/128", PodRow, "one"),
        ("10.96.0.9", ServiceRow, "db"),
        ("http://db.shop:5432/path", ServiceRow, "db"),
    ],
)
def test_what_is_understood(cluster: ClusterState, text: str, kind: type, name: str) -> None:
    row = EndFinder(cluster, "shop").find(text, "5432").row
    assert isinstance(row, kind) and getattr(row, "name", "") == name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("10.0.0.0/8", "give one of them, such as 10.0.0.0"),
        ("shop/none", "NAMESPACE/NAME"),
        ("sts/web", "NAMESPACE/NAME"),
        ("a/b/c/d", "NAMESPACE/NAME"),
        ("10.0.0.1:80", "write 10.0.0.1 and --port 80"),
        ("[fd00::5]:80", "write [fd00::5] and --port 80"),
        ("[web]", "[2001:db8::1]"),
        ("https://db.shop", "--port 443"),
        ("none.shop.svc.cluster.local", "NAMESPACE/NAME"),
    ],
)
def test_what_is_refused_with_a_form(cluster: ClusterState, text: str, said: str) -> None:
    with pytest.raises(Unknown) as error:
        EndFinder(cluster, "shop").find(text, "5432")
    assert said in str(error.value)


def test_a_name_without_a_namespace_is_refused(cluster: ClusterState) -> None:
    for text in ("web", "deploy/web"):
        with pytest.raises(Unknown, match="names no namespace"):
            EndFinder(cluster).find(text)


@pytest.mark.parametrize(
    ("text", "port", "protocol"),
    [("80", "80", "TCP"), ("53/udp", "53", "UDP"), ("http", "http", "TCP"), ("080", "80", "TCP")],
)
def test_ports(text: str, port: str, protocol: str) -> None:
    asked = asked_port(text)
    assert (asked.port, asked.protocol) == (port, protocol)


@pytest.mark.parametrize(
    "text", ["0", "65536", "80/HTTP", "", "80/", "a_b", "1-2", "-1", "٣", "8080x/"]
)
def test_what_is_no_port(text: str) -> None:
    with pytest.raises(Unknown, match="--port"):
        asked_port(text)


def test_a_name_asks_for_dns_too(tmp_path: Path) -> None:
    policy = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: out, namespace: shop}
spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {app: db}}}]}]}
"""
    known = cluster_of_text(tmp_path, OBJECTS, policy)
    assert ask(known, "shop/web", "svc/shop/db", "5432").verdict == "allowed"
    by_name = ask(known, "shop/web", "db.shop.svc.cluster.local", "5432")
    assert by_name.verdict == "denied"
    assert by_name.decided_by is not None and by_name.decided_by.policy == "shop/out"
    with_dns = policy.replace(
        "egress: [", "egress: [{ports: [{port: 53, protocol: UDP}, {port: 53}]}, "
    )
    known = cluster_of_text(tmp_path, OBJECTS, with_dns)
    assert ask(known, "shop/web", "db.shop.svc.cluster.local", "5432").verdict == "allowed"


@pytest.mark.parametrize("text", ["", "  ", "999.1.1.1", "010.244.2.6", "10.244"])
def test_what_is_neither_a_name_nor_an_address_is_refused(text: str) -> None:
    """An empty variable of a shell must not read as allowed."""
    with pytest.raises(Unknown):
        EndFinder(ClusterState.of({}), "shop").find(text)
