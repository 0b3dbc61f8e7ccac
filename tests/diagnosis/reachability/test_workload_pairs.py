"""Ends that are workloads: every pod of them is asked, not one for all."""

from __future__ import annotations

from pathlib import Path

import pytest

from diagnosis.reachability import workload_pairs
from diagnosis.reachability.cluster_state import ClusterState
from session.path_text import word
from tests.support.reachability import ask, cluster_of_text


def pod(name: str, workload: str, labels: str, node: str = "n1", number: int = 1) -> str:
    kind, _, owner = workload.partition("/")
    return f"""
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: shop, uid: {name}, labels: {labels}, ownerReferences: [{{kind: {kind}, name: {owner}, uid: x, controller: true}}]}}
spec: {{nodeName: {node}, containers: [{{name: c, image: i, ports: [{{containerPort: 80}}]}}]}}
status: {{phase: Running, podIP: 10.244.1.{number}, podIPs: [{{ip: 10.244.1.{number}}}]}}
"""


POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: b, namespace: shop}
spec: {podSelector: {matchLabels: {app: b}}, ingress: [{from: [{podSelector: {matchLabels: {version: new}}}]}]}
"""
SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: b, namespace: shop}
spec: {selector: {app: b}, clusterIP: 10.96.0.9, ports: [{port: 80}]}
"""
OBJECTS = (
    pod("a-1", "StatefulSet/a", "{app: a, version: new}", number=1),
    pod("a-2", "StatefulSet/a", "{app: a}", number=2),
    pod("b-1", "StatefulSet/b", "{app: b}", number=3),
    pod("b-2", "StatefulSet/b", "{app: b}", number=4),
    pod("c-1", "StatefulSet/c", "{app: b}", number=5),
    pod("c-2", "StatefulSet/c", "{app: c}", number=6),
    SERVICE,
)


@pytest.fixture
def cluster(tmp_path: Path) -> ClusterState:
    return cluster_of_text(tmp_path, *OBJECTS, POLICY)


@pytest.mark.parametrize(
    ("source", "destination", "said"),
    [
        ("sts/a", "sts/b", "allowed between 2 of 4 pairs of pods"),
        ("sts/a", "pod/b-1", "allowed from 1 of 2 pods"),
        ("sts/a", "svc/b", "allowed from 1 of 2 pods"),
        ("pod/a-2", "sts/c", "allowed to 1 of 2 pods"),
        ("pod/a-1", "sts/b", "allowed"),
        ("pod/a-2", "sts/b", "not allowed"),
        ("sts/b", "sts/a", "allowed"),
        ("a", "pod/b-1", "allowed from 1 of 2 pods"),
    ],
)
def test_how_many_are_allowed(
    cluster: ClusterState, source: str, destination: str, said: str
) -> None:
    answer = ask(cluster, source, destination, "80", "shop")
    assert word(answer) == said
    assert answer.partly is (" of " in said)


def test_each_group_of_pods_has_its_path(cluster: ClusterState) -> None:
    answer = ask(cluster, "sts/a", "pod/b-1", "80", "shop")
    headings = [(s.what, s.result, s.reason) for s in answer.path if " of 2 pods" in s.what]
    assert headings == [
        ("1 of 2 pods", "ok", "shop/a-1; of the first:"),
        ("1 of 2 pods", "stops", "shop/a-2; of the first:"),
    ]
    assert answer.decided_by is not None and answer.decided_by.policy == "shop/b"


def test_a_workloads_pods_among_themselves(cluster: ClusterState) -> None:
    """A pod may always reach itself, which says nothing of the others."""
    assert ask(cluster, "sts/b", "sts/b", "80", "shop").verdict == "denied"
    assert not ask(cluster, "sts/b", "sts/b", "80", "shop").partly


def test_pods_that_have_ended_are_not_asked(tmp_path: Path) -> None:
    gone = pod("a-3", "StatefulSet/a", "{app: a}", number=9).replace("Running", "Failed")
    known = cluster_of_text(tmp_path, gone, *OBJECTS, POLICY)
    assert word(ask(known, "sts/a", "pod/b-1", "80", "shop")) == "allowed from 1 of 2 pods"


def test_one_of_two_pods_has_no_address_yet(tmp_path: Path) -> None:
    waiting = pod("d-2", "StatefulSet/d", "{app: d}").partition("status:")[0]
    waiting += "status: {phase: Pending}"
    running = pod("d-1", "StatefulSet/d", "{app: d}", number=8)
    answer = ask(cluster_of_text(tmp_path, running, waiting), "10.1.1.1", "sts/d", "80", "shop")
    assert word(answer) == "allowed to 1 of 2 pods"


def test_more_pairs_than_are_asked(cluster: ClusterState, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workload_pairs, "MOST_PAIRS", 2)
    answer = ask(cluster, "sts/b", "sts/a", "80", "shop")
    assert answer.verdict == "unknown" and "were not asked" in answer.unknown_because[0]
    assert ask(cluster, "sts/a", "sts/b", "80", "shop").verdict != "allowed"


LABELLED = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: b, namespace: shop}}
spec: {{podSelector: {{}}, policyTypes: [Ingress], ingress: [{{from: [{{podSelector: {selector}}}]}}]}}
"""
WORKLOADS = """
apiVersion: apps/v1
kind: {kind}
metadata: {{name: w, namespace: shop}}
spec: {{selector: {{matchLabels: {{app: w}}}}, {more} template: {{metadata: {{labels: {{app: w}}}}, spec: {{containers: [{{name: c, image: i}}]}}}}}}
"""


@pytest.mark.parametrize(
    ("kind", "more", "selector", "said"),
    [
        ("Deployment", "", "{matchLabels: {pod-template-hash: abc}}", "unknown"),
        ("Deployment", "", "{matchLabels: {pod-template-hash: abc, app: x}}", "denied"),
        (
            "Deployment",
            "",
            "{matchExpressions: [{key: pod-template-hash, operator: Exists}]}",
            "allowed",
        ),
        (
            "Deployment",
            "",
            "{matchExpressions: [{key: pod-template-hash, operator: NotIn, values: [a]}]}",
            "unknown",
        ),
        ("DaemonSet", "", "{matchLabels: {controller-revision-hash: abc}}", "unknown"),
        ("ReplicaSet", "", "{matchLabels: {pod-template-hash: abc}}", "denied"),
        (
            "StatefulSet",
            "",
            "{matchLabels: {statefulset.kubernetes.io/pod-name: w-0}}",
            "allowed",
        ),
        ("StatefulSet", "", "{matchLabels: {apps.kubernetes.io/pod-index: '1'}}", "denied"),
        (
            "StatefulSet",
            "replicas: 2,",
            "{matchLabels: {apps.kubernetes.io/pod-index: '1'}}",
            "allowed from 1 of 2 pods",
        ),
    ],
)
def test_labels_that_controllers_give(
    tmp_path: Path, kind: str, more: str, selector: str, said: str
) -> None:
    workload = WORKLOADS.format(kind=kind, more=more)
    known = cluster_of_text(tmp_path, *OBJECTS, LABELLED.format(selector=selector), workload)
    answer = ask(known, f"{kind.lower()}/w", "pod/b-1", "80", "shop")
    assert said in (answer.verdict, word(answer))
    if said == "unknown":
        assert "is given by its controller" in answer.unknown_because[0]


def test_a_service_of_one_ordinal(tmp_path: Path) -> None:
    workload = WORKLOADS.format(kind="StatefulSet", more="replicas: 2,")
    label = "statefulset.kubernetes.io/pod-name: w-1"
    service = SERVICE.replace("app: b", label)
    known = cluster_of_text(tmp_path, *OBJECTS[:4], workload, service)
    answer = ask(known, "pod/a-1", "svc/b", "80", "shop")
    assert "1 ready: w-1" in [step.reason for step in answer.path]
    hashed = SERVICE.replace("app: b", "app: w, pod-template-hash: x")
    workload = WORKLOADS.format(kind="Deployment", more="")
    known = cluster_of_text(tmp_path, *OBJECTS[:4], workload, hashed)
    assert ask(known, "pod/a-1", "svc/b", "80", "shop").verdict == "unknown"
