"""What people type for the ends and the port: understood, or refused with the form that would
be."""

from __future__ import annotations

from pathlib import Path

import pytest

from collectors.events import PodRow, ServiceRow
from diagnosis.reachability.blind_spots import BlindSpot, BlindSpots
from diagnosis.reachability.cluster_state import ClusterState
from diagnosis.reachability.end_names import EndFinder
from diagnosis.reachability.written_ends import Unknown
from tests.support.reachability import ask, cluster_of_files, cluster_of_text

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
        ("sts/db", PodRow, "db-0"),
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
        ("10.96.0.9:5432", ServiceRow, "db"),
        ("db.shop:5432", ServiceRow, "db"),
        ("10.96.0.9", ServiceRow, "db"),
        ("http://db.shop:5432/path", ServiceRow, "db"),
        ("svc/db.shop", ServiceRow, "db"),
        ("svc/db.shop.svc.cluster.local", ServiceRow, "db"),
        ("statefulset.apps/db", PodRow, "db-0"),
        ("statefulsets.v1.apps/db", PodRow, "db-0"),
        ("shop/sts.apps/db", PodRow, "db-0"),
        ("service.v1/db", ServiceRow, "db"),
    ],
)
def test_what_is_understood(cluster: ClusterState, text: str, kind: type, name: str) -> None:
    row = EndFinder(cluster, "shop").find(text, "5432").row
    assert isinstance(row, kind) and getattr(row, "name", "") == name


def test_a_namespace_that_is_called_like_a_kind(tmp_path: Path) -> None:
    """`pod/one` is what kubectl reads, or a namespace's: no verdict is of one that was not meant."""
    named = OBJECTS.replace("one, namespace: shop", "one, namespace: pod")
    known = cluster_of_text(tmp_path, f"{OBJECTS}---{named}")
    with pytest.raises(
        Unknown, match=r"both a Pod and one of .*'pod': write pod/shop/one or pod/p"
    ):
        EndFinder(known, "shop").find("pod/one")
    row = EndFinder(known, "bank").find("pod/one").row
    assert isinstance(row, PodRow) and row.namespace == "pod"
    row = EndFinder(known, "shop").find("pod/shop/one").row
    assert isinstance(row, PodRow) and row.namespace == "shop"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("10.0.0.0/8", "give one of them, such as 10.0.0.1"),
        ("shop/none", "NAMESPACE/NAME"),
        ("sts/web", "Of that name: deploy/shop/web"),
        ("a/b/c/d", "NAMESPACE/NAME"),
        ("db..data", "is not a name in DNS"),
        ("db.d\uff11", "is not a name in DNS"),
        ("0x7f.1", "is not an IPv4 address"),
        ("10.0.0.1:80", "is of port 80, and --port says 5432: give --port 80"),
        ("[fd00::5]:80", "is of port 80, and --port says 5432"),
        ("svc/db.shop.here", "write svc/NAME.NAMESPACE"),
        ("sts.batch/db", "is not a kind of endpoint"),
        ("db.shop/health", "is not a kind of endpoint"),
        ("ns/shop/web", "write shop/web"),
        ("namespace/shop", "a pod or Service in it, shop/NAME"),
        ("node/n1/web", "write node/NAME"),
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


@pytest.mark.parametrize(
    ("kind", "text", "port", "said"),
    [
        ("pods", "shop/db", "5432", "write svc/shop/db"),
        ("services", "shop/web", "80", "write pod/shop/web"),
        ("services", "shop/db", "5432", ""),
        ("pods", "svc/shop/db", "5432", ""),
    ],
)
def test_a_name_of_either_where_one_kind_could_not_be_listed(
    tmp_path: Path, kind: str, text: str, port: str, said: str
) -> None:
    hidden = {"pods": ("Pod", "StatefulSet", "Deployment"), "services": ("Service",)}[kind]
    kept = [
        one for one in OBJECTS.split("\n---\n") if one.split("kind: ")[1].split()[0] not in hidden
    ]
    path = tmp_path / "some.yaml"
    path.write_text("\n---\n".join(kept))
    known = cluster_of_files([path], BlindSpots((BlindSpot(kind, "refused"),)))
    end = EndFinder(known, "shop").find(text, port)
    assert (said in end.unseen) if said else not end.unseen


def test_many_policies_that_isolate_are_counted(tmp_path: Path) -> None:
    deny = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny-%d, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress]}
"""
    known = cluster_of_text(tmp_path, OBJECTS, *(deny % number for number in range(40)))
    answer = ask(known, "shop/web", "shop/one", "80")
    reason = answer.decided_by.reason if answer.decided_by else ""
    assert answer.verdict == "denied" and "and 36 more policies isolate" in reason


def test_a_pod_on_the_hosts_network_has_its_nodes_labels(tmp_path: Path) -> None:
    host = """
apiVersion: v1
kind: Node
metadata: {name: n1, labels: {zone: a}}
---
apiVersion: v1
kind: Pod
metadata: {name: host, namespace: shop}
spec: {nodeName: n1, hostNetwork: true, containers: [{name: c, image: i}]}
"""
    known = cluster_of_text(tmp_path, OBJECTS, host)
    row = EndFinder(known, "shop").find("pod/host").row
    assert isinstance(row, PodRow) and known.party(row).node_labels == {"zone": "a"}
